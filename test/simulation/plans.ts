import type { Dice } from './dice.ts';

/** A random DAG: tasks that depend on earlier ones, take their results, fail and go on as they like. */
export function randomPlan(dice: Dice, tasksMax: number, note: string): readonly object[] {
  const count = 1 + dice.int(tasksMax);
  return Array.from({ length: count }, (_, i) => {
    const dependsOn = Array.from({ length: i }, (_, j) => `t${j}`).filter(() => dice.chance(1.2 / count));
    const from = dependsOn[0];
    return {
      key: `t${i}`,
      type: dice.pick(['noop', 'calc']),
      dependsOn,
      input: from === undefined ? { n: dice.int(10), note } : { upstream: { $from: from, pointer: '/of' } },
      priority: dice.int(10),
      maxAttempts: 1 + dice.int(3),
      timeoutMs: 1000 + dice.int(4000),
      backoff: { minMs: dice.int(500), maxMs: 500 + dice.int(2000) },
      onFailure: dice.chance(0.4) ? 'continue' : 'fail_goal',
    };
  });
}

/** What a planning task brings. */
export const plannedByWorker = {
  tasks: [
    { key: 'a', type: 'noop' },
    { key: 'b', type: 'calc', dependsOn: ['a'] },
  ],
};
