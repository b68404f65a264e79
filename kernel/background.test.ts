import { expect, it } from 'vitest';
import { Background, type Job } from './background.ts';
import { turns } from './testing/world.ts';

it('does one part of one job at a time, each behind those that wait', async () => {
  const done: string[] = [];
  let running = 0;
  const job = (name: string, parts: number): Job => {
    let left = parts;
    return async () => {
      expect(++running).toBe(1);
      await turns(2);
      running--;
      done.push(name);
      return --left > 0;
    };
  };
  const background = new Background(() => {});
  for (const one of [job('a', 3), job('b', 1), job('c', 2)]) background.add(one);
  expect(done).toEqual([]);
  await turns(40);
  expect(done).toEqual(['a', 'b', 'c', 'a', 'c', 'a']);
});

it('tells of a failure once, lets all wait for being asked again, and goes on then', async () => {
  const failures: unknown[] = [];
  const background = new Background((cause) => failures.push(cause));
  let calls = 0;
  const fails: Job = async () => {
    calls++;
    throw new Error('the store is away');
  };
  background.add(fails);
  background.add(async () => fails());
  await turns();
  expect([calls, failures.length]).toEqual([1, 1]);
  background.add(fails);
  await turns();
  expect(calls).toBe(2);
  background.stop();
  background.add(fails);
  await turns();
  expect(calls).toBe(2);
});
