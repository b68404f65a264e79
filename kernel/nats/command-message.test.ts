import { headers, type Msg } from '@nats-io/nats-core';
import { MsgHdrsImpl } from '@nats-io/nats-core/internal';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { batchEntriesMax } from '../bounds.ts';
import { generation, micros, type Position, type Shard, shard } from '../brand.ts';
import type { Envelope, Json } from '../envelope.ts';
import { derivedId } from '../ids.ts';
import { decodeLaneMessage, encodeCommand, header } from './command-message.ts';
import { laneSubject, namesOf } from './names.ts';
import { workerPermissions } from './users.ts';

const names = namesOf();
const home = shard(7) as Shard;
const position = { generation: generation(1), sequence: 1, time: '1' };
const worker = derivedId('wk', 'a worker');

const messageOf = (subject: string, fields: Readonly<Record<string, string>>, body: Json): Msg => {
  const h = headers();
  for (const [name, value] of Object.entries(fields)) h.set(name, value);
  return { subject, headers: h, data: Buffer.from(JSON.stringify(body)) } as unknown as Msg;
};

/** Whether a subject is one of these, as nats-server compares them. */
const allows = (patterns: readonly string[], subject: string): boolean =>
  patterns.some((pattern) => {
    const wanted = pattern.split('.');
    const found = subject.split('.');
    return (
      (wanted.at(-1) === '>' ? found.length >= wanted.length : found.length === wanted.length) &&
      wanted.every((token, i) => token === '*' || token === '>' || token === found[i])
    );
  });

describe('a command on a lane', () => {
  it.each(['goal', 'worker'])('comes out as it went in, to a %s', (type) => {
    const envelope: Envelope = {
      to: { org: 'acme', type, id: type === 'worker' ? worker : derivedId('gl', 'a goal') },
      verb: 'drain',
      id: 'c1',
      body: { reason: 'tired' },
      principal: 'key:k1',
      keyed: 'command',
      fingerprint: 'f',
      replyTo: 'astra.reply._gateway.g.1',
      deadline: micros(5),
      correlationId: 'c0',
      causationId: '1:2' as Position,
      traceparent: 't',
      hops: 3,
      subject: 'Änne: 1',
    };
    const { subject, payload, headers: h } = encodeCommand(names, home, envelope);
    const decoded = decodeLaneMessage(
      names,
      { subject, headers: MsgHdrsImpl.decode(h.encode()), data: payload } as unknown as Msg,
      position,
    );
    expect(decoded.entries).toEqual([{ ok: true, envelope }]);
  });

  it('of a worker to its own actor is that worker’s, whatever its headers say', () => {
    const forged = {
      [header.to]: worker,
      [header.command]: 'register',
      [header.commandId]: 'r1',
      [header.principal]: 'key:admin',
      [header.keyed]: 'command',
      [header.correlation]: 'somebody-elses',
      [header.hops]: '63',
    };
    const decoded = decodeLaneMessage(
      names,
      messageOf(laneSubject(names, home, 'acme', 'worker'), forged, {}),
      position,
    );
    expect(decoded.entries).toEqual([
      {
        ok: true,
        envelope: {
          to: { org: 'acme', type: 'worker', id: worker },
          verb: 'register',
          id: 'r1',
          body: {},
          principal: `worker:${worker}`,
          correlationId: 'r1',
          hops: 0,
        },
      },
    ]);
  });

  it.each(['kernel', 'key:admin', ''])('of a worker cannot be one of the kernel’s verdicts (as %j)', (principal) => {
    const fields = {
      [header.to]: worker,
      [header.command]: 'lost',
      [header.commandId]: 'l1',
      [header.principal]: principal,
    };
    const decoded = decodeLaneMessage(
      names,
      messageOf(laneSubject(names, home, 'acme', 'worker'), fields, {}),
      position,
    );
    expect(decoded.entries).toMatchObject([{ ok: false, org: 'acme' }]);
  });

  it('to a worker’s actor from inside stands where no worker may publish', () => {
    const { publish } = workerPermissions('acme', 'w', ['default'], ['noop']);
    const to = { org: 'acme', type: 'worker', id: worker };
    const envelope: Envelope = {
      to,
      verb: 'drain',
      id: 'd',
      body: {},
      principal: 'key:k',
      correlationId: 'd',
      hops: 0,
    };
    expect(allows(publish, encodeCommand(names, home, envelope).subject)).toBe(false);
    expect(allows(publish, laneSubject(names, home, 'acme', 'worker'))).toBe(true);
  });

  it.each([
    ['hops that are no number', { [header.hops]: 'many' }],
    ['hops without end', { [header.hops]: '1e9' }],
    ['a deadline that is no number', { [header.deadline]: 'soon' }],
    ['a subject that is not percent-encoded', { [header.subject]: '%E0%A4%A' }],
    ['no command id', { [header.commandId]: '' }],
  ])('with %s is none, and is told so alone', (_, fields) => {
    const replyTo = 'astra.reply._gateway.g.1';
    const decoded = decodeLaneMessage(
      names,
      messageOf(
        laneSubject(names, home, 'acme', 'goal'),
        {
          [header.to]: derivedId('gl', 'a'),
          [header.command]: 'cancel',
          [header.commandId]: 'c',
          [header.replyTo]: replyTo,
          ...fields,
        },
        {},
      ),
      position,
    );
    expect(decoded.replyTo).toBeUndefined();
    expect(decoded.entries).toMatchObject([{ ok: false, org: 'acme', replyTo }]);
  });

  it.each([
    ['bytes', { a: Buffer.from('x') }],
    ['a 64-bit integer', { a: 2n ** 60n }],
    ['no number', { a: Number.NaN }],
    ['lists in lists without end', Array.from({ length: 1000 }).reduce((inner) => [inner], 1)],
  ])('with %s in its body is none', (_, body) => {
    const h = headers();
    h.set(header.contentType, 'application/msgpack');
    const subject = laneSubject(names, home, 'acme', 'batch');
    const data = new Packr({ useRecords: false }).pack(body);
    const decoded = decodeLaneMessage(names, { subject, headers: h, data } as unknown as Msg, position);
    expect(decoded.entries).toMatchObject([{ ok: false, reason: expect.stringContaining('expected a body in JSON') }]);
  });

  it('with half a character in its body is none', () => {
    const subject = laneSubject(names, home, 'acme', 'batch');
    const data = Buffer.from('["\\ud800"]');
    const { entries } = decodeLaneMessage(names, { subject, data } as unknown as Msg, position);
    expect(entries).toMatchObject([{ ok: false, reason: expect.stringContaining('expected a body in JSON') }]);
  });

  it('may be answered under the reply subjects alone, a worker’s under its org’s', () => {
    const replyTo = (subject: string, to: string) =>
      decodeLaneMessage(names, messageOf(subject, { [header.replyTo]: to }, []), position).replyTo;
    const batch = laneSubject(names, home, 'acme', 'batch');
    expect(replyTo(batch, 'astra.reply.acme.w.1')).toBe('astra.reply.acme.w.1');
    for (const to of ['astra.reply.other.w.1', 'astra.cmd.0.acme.goal', 'astra.reply.acme.*', 'astra.reply.acme.>'])
      expect(replyTo(batch, to)).toBeUndefined();
  });
});

describe('a batch', () => {
  const batch = (body: Json) =>
    decodeLaneMessage(names, messageOf(laneSubject(names, home, 'acme', 'batch'), {}, body), position).entries;

  it('holds a worker’s verbs to tasks of its org, and each bad entry is bad alone', () => {
    const entry = { to: 'gl_x.t', command: 'claim', id: 'c1', body: { worker: 'wk_1', attempt: 1 } };
    const entries = batch([entry, { ...entry, command: 'cancel' }, { to: 'gl_x.t' }, null]);
    expect(entries.map(({ ok }) => ok)).toEqual([true, false, false, false]);
    expect(entries[0]).toMatchObject({
      envelope: { to: { org: 'acme', type: 'task', id: 'gl_x.t' }, verb: 'claim', principal: 'worker:wk_1' },
    });
  });

  it('holds no more than is decided at once', () => {
    const entry = { to: 'gl_x.t', command: 'claim', id: 'c1', body: { worker: 'wk_1', attempt: 1 } };
    expect(batch(Array.from({ length: batchEntriesMax }, () => entry))).toHaveLength(batchEntriesMax);
    expect(batch(Array.from({ length: batchEntriesMax + 1 }, () => entry))).toMatchObject([{ ok: false, org: 'acme' }]);
  });

  it.each([{}, [], 'text', null])('that is none is one bad entry: %j', (body) => {
    expect(batch(body)).toMatchObject([{ ok: false, org: 'acme' }]);
  });
});
