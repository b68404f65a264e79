import fc from 'fast-check';
import type { Json } from '../../kernel/envelope.ts';
import { type Move, weights } from './goal-player.ts';

/** Plans of any shape: each task depends on some before it, and takes results from some of those. */
export const plans = (tasksMax: number): fc.Arbitrary<{ readonly [key: string]: Json }> =>
  fc
    .array(
      fc.record({
        dependsOn: fc.array(fc.nat({ max: tasksMax }), { maxLength: 3 }),
        priority: fc.nat({ max: 9 }),
        maxAttempts: fc.integer({ min: 1, max: 3 }),
        onFailure: fc.constantFrom('fail_goal', 'continue'),
        takes: fc.boolean(),
      }),
      { minLength: 1, maxLength: tasksMax, size: 'max' },
    )
    .map((drawn) => ({
      tasks: drawn.map(({ dependsOn, takes, ...task }, index) => {
        const keys = index === 0 ? [] : [...new Set(dependsOn.map((place) => `t${place % index}`))];
        const input = takes && keys.length > 0 ? { from: { $from: keys[0] as string, pointer: '/of' } } : {};
        return { key: `t${index}`, type: 'noop', dependsOn: keys, input, ...task };
      }),
    }));

const whats = fc.oneof(
  ...Object.entries(weights).map(([what, weight]) => ({ weight, arbitrary: fc.constant(what as Move['what']) })),
);

export const histories = (movesMax: number): fc.Arbitrary<readonly Move[]> =>
  fc.array(fc.record({ what: whats, at: fc.nat({ max: 1_000_000 }) }), { maxLength: movesMax, size: 'max' });

/** A goal with its plan, and what happens to it. */
export const games = (tasksMax: number, movesMax: number) =>
  fc.record({
    input: fc.record({ plan: plans(tasksMax), isPlanned: fc.boolean(), requireApproval: fc.boolean() }),
    moves: histories(movesMax),
  });

export type Game = ReturnType<typeof games> extends fc.Arbitrary<infer T> ? T : never;
