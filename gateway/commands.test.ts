import { describe, expect, it } from 'vitest';
import type { Envelope, Reply } from '../kernel/envelope.ts';
import { ManualClock } from '../kernel/memory/clock.ts';
import { commandsInFlightMax, commandTimeoutMs } from './bounds.ts';
import { Commands } from './commands.ts';

const clock = new ManualClock();
const envelope: Envelope = {
  to: { org: 'o', type: 'agent', id: 'ag_1' },
  verb: 'pause',
  id: 'c1',
  body: {},
  principal: 'key:test',
  correlationId: 'c1',
  hops: 0,
};
const done: Reply = { ok: true, id: 'ag_1', position: '0:1' as never };

describe('commands', () => {
  it('are not carried out once nobody waits for them any more', async () => {
    let sent: Envelope | undefined;
    let timeoutMs = 0;
    const commands = new Commands(
      {
        connected: true,
        async send(given, within) {
          sent = given;
          timeoutMs = within;
          return done;
        },
      },
      clock,
    );
    expect(await commands.send(envelope)).toEqual(done);
    expect([timeoutMs, sent?.deadline]).toEqual([commandTimeoutMs, clock.now() + commandTimeoutMs * 1000]);
  });

  it('throw what they are refused with', async () => {
    const problem = { kind: 'conflict', code: 'invalid_transition', detail: 'no', retryAfterMs: 5 } as const;
    const commands = new Commands({ connected: true, send: async () => ({ ok: false, problem }) }, clock);
    await expect(commands.send(envelope)).rejects.toMatchObject({
      kind: 'conflict',
      code: 'invalid_transition',
      message: 'no',
      retryAfterMs: 5,
    });
    expect(commands.inFlight).toBe(0);
  });

  it('are shed past a bound, and taken again when answers come', async () => {
    const answers: ((reply: Reply) => void)[] = [];
    const send = () => new Promise<Reply>((resolve) => answers.push(resolve));
    const commands = new Commands({ connected: true, send }, clock);
    const waiting = Array.from({ length: commandsInFlightMax }, () => commands.send(envelope));
    await expect(commands.send(envelope)).rejects.toMatchObject({ code: 'overloaded' });
    answers.shift()?.(done);
    await waiting[0];
    const late = commands.send(envelope);
    for (const answer of answers) answer(done);
    await Promise.all([...waiting, late]);
    expect(commands.inFlight).toBe(0);
  });
});
