import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPlan } from './plan-check.ts';
import { orderOf, printCycle, upstreamOf } from './plan-order.ts';

/** Dependencies on earlier tasks only: no cycle. */
const graphs = fc
  .array(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
  .map((drawn) => drawn.map((of, task) => (task === 0 ? [] : [...new Set(of.map((place) => place % task))])));

/** The same graph with its tasks in another order. */
const shuffled = graphs.chain((graph) =>
  fc.shuffledSubarray([...graph.keys()], { minLength: graph.length }).map((places) => {
    const moved: number[][] = graph.map(() => []);
    for (const [task, of] of graph.entries())
      moved[places[task] as number] = of.map((place) => places[place] as number);
    return moved;
  }),
);

describe('the order of a plan', () => {
  it('has every task once, behind all it depends on', () => {
    fc.assert(
      fc.property(shuffled, (graph) => {
        const order = orderOf(graph);
        expect(order.kind).toBe('order');
        expect([...order.places].sort((a, b) => a - b)).toEqual([...graph.keys()]);
        const rank = new Map(order.places.map((place, index) => [place, index]));
        for (const [task, of] of graph.entries())
          for (const dependency of of) expect(rank.get(dependency)).toBeLessThan(rank.get(task) as number);
      }),
    );
  });

  it('is a cycle where there is one, in which each task depends on the one before', () => {
    fc.assert(
      fc.property(shuffled, fc.nat(), fc.nat(), (graph, a, b) => {
        const [from, to] = [a % graph.length, b % graph.length];
        const looped = graph.map((of, task) => (task === from ? [...of, to] : of));
        const order = orderOf(looped);
        if (order.kind === 'order') return;
        for (const [index, place] of order.places.entries())
          expect(looped[place]).toContain(order.places.at(index - 1));
        expect(new Set(order.places).size).toBe(order.places.length);
        expect(order.places[0]).toBe(Math.min(...order.places));
      }),
    );
  });

  it('tells who is upstream of whom, as following the dependencies does', () => {
    const reaches = (graph: readonly (readonly number[])[], task: number, other: number): boolean =>
      (graph[task] ?? []).some((next) => next === other || reaches(graph, next, other));
    fc.assert(
      fc.property(shuffled, fc.array(fc.nat(), { maxLength: 40 }), (graph, drawn) => {
        const of = new Set(drawn.map((place) => place % graph.length));
        const isUpstream = upstreamOf(graph, orderOf(graph).places, of);
        for (const other of of)
          for (const task of graph.keys()) expect(isUpstream(task, other)).toBe(reaches(graph, task, other));
        for (const other of graph.keys()) if (!of.has(other)) expect(isUpstream(0, other)).toBe(false);
      }),
    );
  });

  it('is found for a chain as long as a plan may be', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => (i === 9_999 ? [] : [i + 1]));
    expect(orderOf(chain)).toMatchObject({ kind: 'order' });
  });
});

describe('a cycle', () => {
  const cycleOf = (...tasks: readonly (readonly [key: string, ...dependsOn: string[]])[]): string | undefined => {
    const plan = { tasks: tasks.map(([key, ...dependsOn]) => ({ key, type: 'noop', dependsOn })) };
    const checked = checkPlan(plan, { priority: 5 });
    return checked.ok ? undefined : checked.faults[0]?.message;
  };

  it('is printed with each task before what depends on it', () => {
    expect(cycleOf(['a', 'c'], ['b', 'a'], ['c', 'b'])).toBe('expected no cycle, found a → b → c → a');
    expect(cycleOf(['a', 'a'])).toBe('expected no cycle, found a → a');
    expect(cycleOf(['x'], ['b', 'x', 'c'], ['c', 'b'])).toBe('expected no cycle, found b → c → b');
  });

  it('is printed the short way where there is one', () => {
    expect(cycleOf(['a', 'd', 'b'], ['b', 'a'], ['c', 'b'], ['d', 'c'])).toBe('expected no cycle, found a → b → a');
  });

  it('that is long is printed without its middle', () => {
    expect(printCycle(Array.from({ length: 15 }, (_, i) => `t${i}`))).toBe(
      [...Array.from({ length: 15 }, (_, i) => `t${i}`), 't0'].join(' → '),
    );
    expect(printCycle(Array.from({ length: 100 }, (_, i) => `t${i}`))).toBe(
      't0 → t1 → t2 → t3 → t4 → t5 → t6 → t7 → … 85 more … → t93 → t94 → t95 → t96 → t97 → t98 → t99 → t0',
    );
  });
});
