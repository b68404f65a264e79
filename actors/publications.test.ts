import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { micros } from '../kernel/brand.ts';
import type { Publication } from '../kernel/bus.ts';
import type { Envelope } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { parkPublication, publicationVerbs, translatePublication } from './publications.ts';
import { newId } from './testing/scenes.ts';

/** A publisher's packer: it can write what JSON has not. */
const pack = (value: unknown): Buffer => new Packr({ useRecords: false }).pack(value);
const now = micros(1_800_000_000_000_000);
const agentId = newId('ag');
const goalId = newId('gl');

const publication = (verb: string, body: unknown, more: Partial<Publication> = {}): Publication =>
  ({
    org: 'default',
    verb,
    contentType: 'application/json',
    payload: body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body)),
    generation: 2,
    sequence: 7,
    redelivered: false,
    ...more,
  }) as Publication;

const translate = (of: Publication): Envelope => translatePublication(of, now, (prefix) => `${prefix}_new`);

function refusal(of: Publication): AstraError {
  try {
    translate(of);
  } catch (error) {
    if (error instanceof AstraError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

const goal = { agentId, plan: { tasks: [{ key: 'a', type: 'noop' }] } };

describe('a publication', () => {
  it('is one of five', () => {
    expect([...publicationVerbs].sort()).toEqual([
      'agent.message',
      'agent.spawn',
      'goal.cancel',
      'goal.submit',
      'task.signal',
    ]);
  });

  it.each([
    ['goal.submit', goal, 'agent', 'admit'],
    [`goal.cancel.${goalId}`, { reason: 'enough' }, 'goal', 'cancel'],
    [`goal.cancel.${goalId}`, undefined, 'goal', 'cancel'],
    ['agent.spawn', { name: 'Ada' }, 'name', 'reserve'],
    [`agent.message.${agentId}`, { type: 'note' }, 'agent', 'message'],
    [`task.signal.${goalId}.a`, { name: 'stop' }, 'task', 'signal'],
  ])('%s %j becomes a command to %s: %s', (verb, body, type, command) => {
    expect(translate(publication(verb, body))).toMatchObject({
      to: { org: 'default', type },
      verb: command,
      principal: 'publisher:nats',
      hops: 0,
    });
  });

  it('may be msgpack, by its content type', () => {
    for (const contentType of ['application/msgpack', 'application/x-msgpack'])
      expect(translate(publication('goal.submit', goal, { contentType, payload: pack(goal) }))).toEqual(
        translate(publication('goal.submit', goal)),
      );
  });

  it('carries its key, its trace and where its answer goes', () => {
    const envelope = translate(
      publication('goal.submit', goal, {
        idempotencyKey: 'mine',
        traceparent: '00-1-2-01',
        replyTo: 'astra.reply.default.1',
      }),
    );
    expect(envelope).toMatchObject({
      to: { type: 'goal' },
      verb: 'create',
      keyed: 'create',
      traceparent: '00-1-2-01',
      replyTo: 'astra.reply.default.1',
    });
  });

  it('without a key is keyed by its place in the stream, and delivered again it asks first', () => {
    const first = translate(publication('goal.submit', goal));
    expect(first).toMatchObject({ keyed: 'create', to: { type: 'agent' }, verb: 'admit' });
    const again = translate(publication('goal.submit', goal, { redelivered: true }));
    expect(again).toMatchObject({ keyed: 'create', to: { type: 'goal', id: first.correlationId }, verb: 'create' });
    const next = translate(publication('goal.submit', goal, { sequence: 8 } as never));
    expect(next.correlationId).not.toBe(first.correlationId);
    const otherLife = translate(publication('goal.submit', goal, { generation: 3 } as never));
    expect(otherLife.correlationId).not.toBe(first.correlationId);
  });

  it('under one key is another request for another target', () => {
    const cancel = (id: string) => translate(publication(`goal.cancel.${id}`, undefined, { idempotencyKey: 'k' }));
    expect(cancel(goalId).id).toBe(cancel(goalId).id);
    expect(cancel(goalId).id).not.toBe(cancel(newId('gl')).id);
  });

  const bytes = (payload: Buffer, contentType = 'application/json') => ({ payload, contentType });
  it.each([
    ['an unknown verb', publication('goal.destroy', {}), 'invalid_input'],
    ['half a verb', publication('goal', {}), 'invalid_input'],
    ['no verb', publication('', {}), 'invalid_input'],
    ['what every object has', publication('constructor.name', {}), 'invalid_input'],
    ['no target', publication('goal.cancel', {}), 'invalid_input'],
    ['a target that is none', publication('agent.message.ada', { type: 'x' }), 'invalid_input'],
    ['a target of another kind', publication(`agent.message.${goalId}`, { type: 'x' }), 'invalid_input'],
    ['a task that is a goal', publication(`task.signal.${goalId}`, { name: 'x' }), 'invalid_input'],
    ['a target too many', publication(`goal.submit.${goalId}`, goal), 'invalid_input'],
    ['an org that is none', publication('goal.submit', goal, { org: 'No Org' }), 'invalid_input'],
    ['no body', publication('goal.submit', undefined), 'invalid_input'],
    ['a faulty body', publication('agent.spawn', { name: '' }), 'invalid_input'],
    ['a faulty plan', publication('goal.submit', { agentId, plan: { tasks: [] } }), 'plan_invalid'],
    ['half a JSON', publication('agent.spawn', {}, bytes(Buffer.from('{"name":'))), 'malformed_json'],
    ['bytes that are no UTF-8', publication('agent.spawn', {}, bytes(Buffer.from([0xff, 0xfe]))), 'malformed_json'],
    [
      'half a msgpack',
      publication('agent.spawn', {}, bytes(Buffer.from([0x81]), 'application/msgpack')),
      'malformed_json',
    ],
    [
      'msgpack that is no JSON',
      publication(
        'goal.submit',
        {},
        bytes(
          pack({ ...goal, plan: { tasks: [{ key: 'a', type: 'noop', input: 2n ** 63n }] } }),
          'application/msgpack',
        ),
      ),
      'invalid_input',
    ],
    [
      'msgpack with bytes in it',
      publication('agent.spawn', {}, bytes(pack({ name: 'Ada', config: Buffer.from('x') }), 'application/msgpack')),
      'invalid_input',
    ],
    [
      'JSON of endless depth',
      publication(
        'agent.spawn',
        {},
        bytes(Buffer.from(`{"name":"Ada","config":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)),
      ),
      'invalid_input',
    ],
  ])('with %s is refused by a reason, never by luck', (_what, of, code) => {
    expect(refusal(of).code).toBe(code);
  });
});

describe('a publication that is not understood', () => {
  const problem = { kind: 'rejected', code: 'invalid_input', detail: 'no' } as const;
  const unique = 'ffff0102030405060708090a0b0c0d0e';

  it('is kept as it came, on shard 0', () => {
    const envelope = parkPublication(publication('goal.submit', { a: 1 }, { idempotencyKey: 'k' }), problem, unique);
    expect(envelope).toMatchObject({
      to: { org: 'default', type: 'dead-letter', id: 'dl_00000g40r40m30e209185gr38e' },
      verb: 'park',
      principal: 'kernel',
      body: {
        origin: { source: 'publication', verb: 'goal.submit' },
        error: problem,
        count: 1,
        publication: { contentType: 'application/json', payload: '{"a":1}', encoding: 'utf8', idempotencyKey: 'k' },
      },
    });
    expect(envelope).not.toHaveProperty('subject');
  });

  it('is kept as base64 where it is no text, and under an org that exists', () => {
    const payload = Buffer.from([0, 255, 1]);
    expect(parkPublication(publication('x', {}, { payload, org: '*' }), problem, unique)).toMatchObject({
      to: { org: 'default' },
      body: { publication: { payload: payload.toString('base64'), encoding: 'base64' } },
    });
  });

  it('is kept sealed where it says whose data it is', () => {
    const parked = (body: unknown) => parkPublication(publication('goal.submit', body), problem, unique);
    expect(parked({ subject: 'ada', text: 5 })).toMatchObject({ subject: 'ada' });
    for (const body of [{ subject: 5 }, { subject: '' }, null, 'ada', undefined])
      expect(parked(body)).not.toHaveProperty('subject');
  });
});
