import { describe, expect, it } from 'vitest';
import type { Json } from '../../kernel/envelope.ts';
import { derivedId } from '../../kernel/ids.ts';
import { artifactsMax, progressIntervalMs, refusalsMax, refusedReofferMs, resultBytesMax } from '../bounds.ts';
import { Domain } from '../testing/domain.ts';
import {
  codeOf,
  fail,
  historyOf,
  holder,
  spawnedAgent,
  start,
  submittedGoal,
  typesOf,
  workOf,
} from '../testing/scenes.ts';
import { backoffMs } from './attempt-end.ts';
import type { TaskState } from './state.ts';

/** One task that runs its first attempt. */
function running(more: object = {}): { domain: Domain; id: string; say: (verb: string, body?: object) => string } {
  const domain = new Domain();
  const tasks = [
    { key: 'a', type: 'noop', onFailure: 'continue', ...more },
    { key: 'z', type: 'noop' },
  ];
  const id = `${submittedGoal(domain, spawnedAgent(domain), { plan: { tasks } })}.a`;
  start(domain, id);
  const say = (verb: string, body: object = {}): string =>
    codeOf(domain.tell('task', id, verb, { attempt: 1, ...holder, ...body } as Json));
  return { domain, id, say };
}

const lastOf = (domain: Domain, id: string): readonly [string, object] => historyOf(domain, id).at(-1) ?? ['', {}];
const stateOf = (domain: Domain, id: string): TaskState => domain.stateOf<TaskState>('task', id);
const other = derivedId('wk', 'another worker');

describe('an attempt', () => {
  it.each([
    ['another attempt', { attempt: 2 }],
    ['an earlier attempt', { attempt: 0 }],
    ['an attempt that is no number', { attempt: '1' }],
    ['no attempt', { attempt: undefined }],
    ['another worker', { worker: other }],
    ['another incarnation', { incarnation: 'i2' }],
    ['no worker', { worker: undefined }],
  ])('hears nothing from %s', (_who, body) => {
    for (const verb of ['progress', 'complete', 'fail', 'refuse', 'claim']) {
      const { domain, id, say } = running();
      const before = domain.events.length;
      expect([verb, say(verb, body)]).toEqual([verb, 'attempt_fenced']);
      expect(stateOf(domain, id).status).toBe('running');
      expect(domain.events.length).toBe(before);
    }
  });

  it('is not ended by a repeat of the report that ended the last one', () => {
    const { domain, id, say } = running({ backoff: { minMs: 0, maxMs: 0 } });
    expect(say('fail')).toBe('ok');
    expect(say('fail')).toBe('ok');
    domain.tell('task', id, 'offer');
    expect(say('fail')).toBe('attempt_fenced');
    expect(say('fail', { attempt: 2 })).toBe('attempt_fenced');
    expect(typesOf(domain, id)).toEqual(['TaskQueued', 'TaskStarted', 'TaskAttemptFailed', 'TaskQueued']);
  });

  it.each([
    ['no worker', { worker: undefined }],
    ['a worker that is none', { worker: 'w1' }],
    ['no incarnation', { incarnation: '' }],
    ['an endless incarnation', { incarnation: 'i'.repeat(65) }],
  ])('is not claimed by %s', (_who, body) => {
    const domain = new Domain();
    const goal = submittedGoal(domain, spawnedAgent(domain), { plan: { tasks: [{ key: 'a', type: 'noop' }] } });
    domain.tell('task', `${goal}.a`, 'offer');
    const claim = { attempt: 1, ...holder, ...body } as Json;
    expect(codeOf(domain.tell('task', `${goal}.a`, 'claim', claim))).toBe('invalid_input');
  });

  it('shows progress once a second, within bounds', () => {
    const { domain, id, say } = running();
    say('progress', { fraction: 7, note: 'n'.repeat(5000) });
    expect(lastOf(domain, id)).toEqual(['TaskProgressed', { attempt: 1, fraction: 1, note: 'n'.repeat(4000) }]);
    domain.wait(progressIntervalMs - 1);
    expect(say('progress', { fraction: 0.5 })).toBe('ok');
    expect(typesOf(domain, id).filter((type) => type === 'TaskProgressed')).toHaveLength(1);
    domain.wait(1);
    say('progress', { fraction: Number.NaN, note: 5 });
    expect(lastOf(domain, id)).toEqual(['TaskProgressed', { attempt: 1 }]);
  });

  it('completes without a result, and with artifacts', () => {
    const { domain, id, say } = running();
    const artifact = { sha256: 'a'.repeat(64), size: 3, mediaType: 'text/plain', name: 'out.txt' };
    say('complete', { artifacts: [{ ...artifact, more: 1 }] });
    expect(lastOf(domain, id)).toEqual(['TaskCompleted', { attempt: 1, artifacts: [artifact] }]);
  });

  const artifact = { sha256: 'a'.repeat(64), size: 3, mediaType: 'text/plain', name: 'out.txt' };
  const deep = (levels: number): Json => (levels === 0 ? 1 : [deep(levels - 1)]);
  it.each([
    ['result_too_large', { result: 'x'.repeat(resultBytesMax) }],
    ['result_invalid', { result: deep(129) }],
    ['result_invalid', { result: { half: '\ud800' } }],
    ['result_invalid', { result: { id: 2n ** 60n } }],
    ['result_invalid', { result: Buffer.from('bytes') }],
    ['artifacts_invalid', { artifacts: 'none' }],
    ['artifacts_invalid', { artifacts: [null] }],
    ['artifacts_invalid', { artifacts: [{ ...artifact, sha256: 'A'.repeat(64) }] }],
    ['artifacts_invalid', { artifacts: [{ ...artifact, size: -1 }] }],
    ['artifacts_invalid', { artifacts: [{ ...artifact, size: 1.5 }] }],
    ['artifacts_invalid', { artifacts: [{ ...artifact, mediaType: 1 }] }],
    ['artifacts_invalid', { artifacts: [{ ...artifact, name: undefined }] }],
    ['artifacts_invalid', { artifacts: Array.from({ length: artifactsMax + 1 }, () => artifact) }],
  ])('fails for good with %s', (code, body) => {
    const { domain, id, say } = running();
    expect(say('complete', body)).toBe('ok');
    expect(typesOf(domain, id).slice(-2)).toEqual(['TaskAttemptFailed', 'TaskDeadLettered']);
    expect(lastOf(domain, id)[1]).toMatchObject({ attempt: 1, run: 1, error: { code, retryable: false } });
  });

  it('may have a result of just its bound', () => {
    const { domain, id, say } = running();
    say('complete', { result: 'x'.repeat(resultBytesMax - 2) });
    expect(lastOf(domain, id)[0]).toBe('TaskCompleted');
  });

  it.each([
    [undefined, { code: 'failed', message: 'the attempt failed without saying why' }],
    ['it broke', { code: 'failed', message: 'it broke' }],
    [
      { code: 'Exit 1', message: '' },
      { code: 'failed', message: 'the attempt failed without saying why' },
    ],
    [
      { code: 'exit_nonzero', message: 'x', details: { exitCode: 1 } },
      { code: 'exit_nonzero', message: 'x', details: { exitCode: 1 } },
    ],
    [
      { code: 'c', message: 'm'.repeat(5000), details: 'd'.repeat(5000) },
      { code: 'c', message: 'm'.repeat(4000) },
    ],
  ])('fails with an error that is read with care: %j', (given, error) => {
    const { domain, id, say } = running();
    say('fail', { error: given, artifacts: 'nonsense' });
    expect(lastOf(domain, id)[1]).toMatchObject({ attempt: 1, error });
    expect(Object.keys(lastOf(domain, id)[1]).sort()).toEqual(['attempt', 'error', 'retryAt']);
  });

  it('is retried until none is left, then is a dead letter', () => {
    const { domain, id, say } = running({ maxAttempts: 2, backoff: { minMs: 10, maxMs: 10 } });
    say('fail');
    domain.tell('task', id, 'offer');
    expect(stateOf(domain, id).status).toBe('failed');
    domain.wait(10);
    fail(domain, id, { code: 'boom', message: 'no' });
    expect(historyOf(domain, id).slice(-2)).toEqual([
      ['TaskAttemptFailed', { attempt: 2, error: { code: 'boom', message: 'no' } }],
      ['TaskDeadLettered', { attempt: 2, run: 1, error: { code: 'boom', message: 'no' } }],
    ]);
  });

  it('is a dead letter at once when another cannot help', () => {
    const { domain, id, say } = running();
    say('fail', { error: { code: 'boom', message: 'no', retryable: false } });
    expect(typesOf(domain, id).slice(-2)).toEqual(['TaskAttemptFailed', 'TaskDeadLettered']);
  });

  it('whose worker is lost counts, and the last one is a dead letter', () => {
    const { domain, id, say } = running({ maxAttempts: 1 });
    say('lost', { reason: 'worker_replaced' });
    expect(historyOf(domain, id).slice(-2)).toEqual([
      ['TaskAttemptLost', { attempt: 1, worker: holder.worker, reason: 'worker_replaced' }],
      [
        'TaskDeadLettered',
        {
          attempt: 1,
          run: 1,
          error: { code: 'attempt_lost', message: 'the worker of the last attempt was lost (worker_replaced)' },
        },
      ],
    ]);
  });

  it('does not mind a timer of another attempt, another offer or another name', () => {
    const { domain, id } = running();
    const before = domain.events.length;
    for (const timer of [
      { name: 'timeout', generation: 2 },
      { name: 'offer', generation: 1 },
      { name: 'approval', generation: 1 },
    ])
      domain.tell('task', id, 'timer', timer);
    expect(domain.events.length).toBe(before);
  });

  it('is timed out by the kernel behind its worker, and offered again while nobody claims it', () => {
    const { domain, id, say } = running({ timeoutMs: 1000, backoff: { minMs: 0, maxMs: 0 } });
    domain.wait(10_999);
    domain.ring();
    expect(stateOf(domain, id).status).toBe('running');
    domain.wait(1);
    domain.ring();
    expect(lastOf(domain, id)[1]).toMatchObject({ error: { code: 'timeout' } });
    domain.tell('task', id, 'offer');
    domain.wait(30_000);
    domain.ring();
    expect(lastOf(domain, id)).toEqual(['TaskQueued', expect.objectContaining({ attempt: 2, offer: 2 })]);
    expect(say('claim', { attempt: 2 })).toBe('ok');
  });
});

describe('a signal', () => {
  it('needs a name, and may have a payload', () => {
    const { domain, id, say } = running();
    expect(say('signal', { payload: 1 })).toBe('invalid_input');
    expect(say('signal', { name: 'stop' })).toBe('ok');
    expect(lastOf(domain, id)).toEqual(['TaskSignalled', { name: 'stop' }]);
  });
});

describe('a refused attempt', () => {
  const refusing = (serving: Domain['serving']) => {
    const domain = new Domain();
    domain.serving = serving;
    const goal = submittedGoal(domain, spawnedAgent(domain), { plan: { tasks: [{ key: 'a', type: 'noop' }] } });
    const id = `${goal}.a`;
    domain.tell('task', id, 'offer');
    const refuse = (worker: string): string =>
      codeOf(domain.tell('task', id, 'refuse', { attempt: 1, worker, incarnation: 'i1', code: 'type_unknown' }));
    return { domain, id, refuse };
  };
  const worker = (name: string): string => derivedId('wk', name);

  it('is offered to others, who are asked once each, and then is a dead letter with the reason', () => {
    const { domain, id, refuse } = refusing(() => [worker('a'), worker('b')]);
    expect(refuse(worker('a'))).toBe('ok');
    expect(lastOf(domain, id)[1]).toMatchObject({ attempt: 1, offer: 2, refusedBy: worker('a') });
    // The same one again changes nothing: its timer offers it the next time.
    refuse(worker('a'));
    expect(typesOf(domain, id)).toEqual(['TaskQueued', 'TaskQueued']);
    refuse(worker('b'));
    expect(lastOf(domain, id)).toEqual([
      'TaskDeadLettered',
      {
        attempt: 1,
        run: 1,
        error: { code: 'type_unknown', message: 'the worker cannot run this task', retryable: false },
      },
    ]);
  });

  it('waits while nobody can know who else is there', () => {
    const { domain, id, refuse } = refusing(() => undefined);
    refuse(worker('a'));
    expect(stateOf(domain, id)).toMatchObject({ status: 'queued', offer: 2 });
    domain.wait(refusedReofferMs);
    domain.ring();
    expect(stateOf(domain, id)).toMatchObject({ status: 'queued', offer: 3 });
    domain.serving = () => [worker('a')];
    refuse(worker('a'));
    expect(stateOf(domain, id).status).toBe('dead_letter');
  });

  it('is given up after as many as its bound', () => {
    const { domain, id, refuse } = refusing(() => [worker('the one that could')]);
    for (let i = 0; i < refusalsMax; i++) refuse(worker(`w${i}`));
    expect(stateOf(domain, id).status).toBe('queued');
    refuse(worker('one more'));
    expect(stateOf(domain, id).status).toBe('dead_letter');
  });

  it('begins anew with the next attempt', () => {
    const { domain, id, refuse } = refusing(() => [worker('a'), worker('b')]);
    refuse(worker('a'));
    domain.tell('task', id, 'claim', { attempt: 1, ...holder });
    domain.tell('task', id, 'lost', { attempt: 1, ...holder });
    domain.tell('task', id, 'offer');
    expect(stateOf(domain, id)).toMatchObject({ attempt: 2, refusedBy: [] });
  });

  it('is not refused by one that is no worker', () => {
    expect(refusing(() => []).refuse('w1')).toBe('invalid_input');
  });
});

describe('the back-off', () => {
  const backoff = { minMs: 500, maxMs: 60_000 };

  it('doubles its reach with every attempt, from the least to the most, and all of it is drawn from', () => {
    expect([1, 2, 3, 7, 8, 100].map((attempts) => backoffMs(backoff, attempts, 0))).toEqual(Array(6).fill(500));
    expect([1, 2, 3, 7, 8, 100].map((attempts) => backoffMs(backoff, attempts, 1))).toEqual([
      1000, 2000, 4000, 60_000, 60_000, 60_000,
    ]);
    expect(backoffMs(backoff, 2, 0.5)).toBe(1250);
  });

  it('may be nothing, and is what it must be where least and most are one', () => {
    expect(backoffMs({ minMs: 0, maxMs: 0 }, 5, 0.9)).toBe(0);
    expect(backoffMs({ minMs: 0, maxMs: 1000 }, 3, 1)).toBe(8);
    expect(backoffMs({ minMs: 700, maxMs: 700 }, 9, 0.9)).toBe(700);
  });

  it('is drawn once: the same decision waits the same, and the event says until when', () => {
    const { domain, id } = running();
    const failure = domain.command('task', id, 'fail', { attempt: 1, ...holder });
    expect(domain.decision(failure)).toEqual(domain.decision(failure));
    domain.ask(failure);
    const { retryAt } = lastOf(domain, id)[1] as { retryAt: number };
    expect(stateOf(domain, id).retryAt).toBe(retryAt);
    expect(retryAt).toBeGreaterThanOrEqual(domain.now + 500_000);
    expect(retryAt).toBeLessThanOrEqual(domain.now + 1_000_000);
    expect(workOf(domain, id)).toMatchObject({ phase: 'ready', since: retryAt });
  });
});
