import { describe, expect, it } from 'vitest';
import type { Publication } from '../../kernel/bus.ts';
import type { Envelope, Json } from '../../kernel/envelope.ts';
import { parkPublication } from '../publications.ts';
import { Domain } from '../testing/domain.ts';
import { becomes, everyStateAndCommand, nothing, type Scene } from '../testing/matrix.ts';
import { codeOf, historyOf, newId, spawnedAgent } from '../testing/scenes.ts';
import { type DeadLetterState, verbs } from './behavior.ts';

const error = { kind: 'contained', code: 'internal', detail: 'it threw' };

/** A message to an agent, parked as the kernel does it. */
function parked(more: object = {}): Scene {
  const domain = new Domain();
  const agent = spawnedAgent(domain);
  const envelope = domain.command('agent', agent, 'message', { type: 'note', payload: null }, { id: 'key-1', ...more });
  const to = { org: 'default', type: 'dead-letter', id: newId('dl') };
  const origin = { source: 'lane', actor: `agent/${agent}`, verb: 'message' };
  domain.local(to, 'park', { origin, error, count: 1, envelope: envelope as unknown as Json });
  return { domain, to };
}

function after(verb: string): Scene {
  const scene = parked();
  scene.domain.tell('dead-letter', scene.to.id, verb);
  return scene;
}

const stateOf = ({ domain, to }: Scene): DeadLetterState => domain.stateOf('dead-letter', to.id);

const states = {
  absent: () => ({ domain: new Domain(), to: { org: 'default', type: 'dead-letter', id: newId('dl') } }),
  parked,
  redriven: () => after('redrive'),
  discarded: () => after('discard'),
};

const invalid = 'invalid_transition';

describe('dead letters, by state and command,', () => {
  everyStateAndCommand({
    states,
    verbs: ['park', ...(Object.keys(verbs) as (keyof typeof verbs)[])],
    statusOf: (scene) => stateOf(scene).status,
    bodies: {
      park: () => ({ origin: { source: 'channel' }, error, payload: 'AAEC' }),
      redrive: () => ({}),
      discard: () => ({ reason: 'old' }),
    },
    table: {
      park: {
        absent: becomes('parked', [
          'DeadLetterParked',
          {
            origin: { source: 'channel' },
            error,
            count: 1,
            publication: { verb: '', contentType: 'application/octet-stream', payload: 'AAEC', encoding: 'base64' },
          },
        ]),
        parked: nothing,
        redriven: nothing,
        discarded: nothing,
      },
      redrive: {
        absent: 'not_found',
        parked: (scene) => {
          const { to, verb, body, id } = stateOf(scene).parked.envelope as Envelope;
          return becomes('redriven', ['DeadLetterRedriven', { by: 'key:test', command: { to, verb, body, id } }]);
        },
        redriven: invalid,
        discarded: invalid,
      },
      discard: {
        absent: 'not_found',
        parked: becomes('discarded', ['DeadLetterDiscarded', { by: 'key:test', reason: 'old' }]),
        redriven: invalid,
        discarded: invalid,
      },
    },
  });
});

describe('a dead letter', () => {
  it('goes on as the command it was: under its key it is done once (I3)', () => {
    const { domain, to } = parked({ keyed: 'command', fingerprint: 'f' });
    const { envelope } = stateOf({ domain, to }).parked;
    // Whoever asked has tried again in the meantime.
    expect(codeOf(domain.ask(envelope as Envelope))).toBe('ok');
    expect(codeOf(domain.tell('dead-letter', to.id, 'redrive'))).toBe('ok');
    const received = historyOf(domain, (envelope as Envelope).to.id).filter(
      ([type]) => type === 'AgentMessageReceived',
    );
    expect(received).toHaveLength(1);
  });

  const publication = (payload: string, verb = 'agent.spawn'): Publication => ({
    org: 'default',
    verb,
    contentType: 'application/json',
    payload: Buffer.from(payload),
    generation: 1 as never,
    sequence: 7,
    redelivered: false,
  });

  function published(payload: string, verb?: string): Scene {
    const domain = new Domain();
    const problem = { kind: 'rejected', code: 'invalid_input', detail: 'then' } as const;
    const envelope = parkPublication(publication(payload, verb), problem, '00'.repeat(16));
    domain.ask(envelope);
    return { domain, to: envelope.to };
  }

  it('of a publication is read again when it is redriven', () => {
    const { domain, to } = published('{"name":"Ada"}');
    expect(codeOf(domain.tell('dead-letter', to.id, 'redrive'))).toBe('ok');
    expect(domain.events.map(({ type }) => type)).toContain('AgentSpawned');
  });

  it('of a publication that is as faulty as before stays, and says so', () => {
    const { domain, to } = published('{"name":""}');
    expect(domain.tell('dead-letter', to.id, 'redrive')).toMatchObject({
      ok: false,
      problem: {
        code: 'invalid_input',
        detail: expect.stringContaining('as faulty as before'),
        errors: [{ pointer: '/name' }],
      },
    });
    expect(stateOf({ domain, to }).status).toBe('parked');
  });

  it('of which nothing readable is left can only be discarded', () => {
    const { domain, to } = states.absent();
    domain.local(to, 'park', { origin: { source: 'lane' }, error, payload: 'AAEC' });
    expect(codeOf(domain.tell('dead-letter', to.id, 'redrive'))).toBe('not_redrivable');
    expect(codeOf(domain.tell('dead-letter', to.id, 'discard'))).toBe('ok');
  });
});
