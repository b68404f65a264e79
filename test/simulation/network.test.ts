import { describe, expect, it } from 'vitest';
import { micros } from '../../kernel/brand.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MemoryBus } from '../../kernel/memory/bus.ts';
import { Dice } from './dice.ts';
import { Network } from './network.ts';
import { SimProcess } from './process.ts';
import { Time } from './time.ts';

function machines() {
  const time = new Time();
  const clock: Clock = {
    now: () => micros(Math.round(time.nowMs * 1000)),
    monotonicMs: () => time.nowMs,
    anchor: () => {},
    after: (ms, callback) => time.after(ms, callback),
  };
  const network = new Network(new MemoryBus(clock), { sent: () => {} });
  const process = (name: string): SimProcess => new SimProcess(name, time, new Dice(1, name));
  const pass = async (ms: number): Promise<void> => {
    await time.settle();
    time.after(ms, () => {});
    for (const end = time.nowMs + ms; time.nowMs < end; ) await time.step();
  };
  return { network, process, pass };
}

describe('the simulated network', () => {
  it('reaches nobody who is dead, also by what was opened and never answered', async () => {
    const { network, process, pass } = machines();
    const [alive, dying] = [process('alive'), process('dying')];
    const handled: string[] = [];
    void network.portOf(alive).openIngress(async () => void handled.push('alive'));
    await pass(10);
    network.trouble = 1;
    for (let i = 0; i < 8; i++)
      network
        .portOf(dying)
        .openIngress(async () => void handled.push('dying'))
        .catch(() => {});
    await pass(5000);
    network.trouble = 0;
    dying.kill();
    network.bus.publish({ org: 'o', verb: 'x', contentType: 'application/json', payload: Buffer.from('{}') });
    await pass(1000);
    expect(handled).toEqual(['alive']);
  });
});
