import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskStatus } from '../task/events.ts';
import { plans } from '../testing/arbitraries.ts';
import {
  createGraph,
  downstream,
  type Graph,
  hasDependantsUnderWay,
  isBroken,
  isSettledWell,
  move,
  type Node,
  openTasks,
  release,
  reopenable,
  restart,
  sinks,
} from './graph.ts';
import { checkPlan } from './plan-check.ts';

function graphOf(plan: unknown): Graph {
  const checked = checkPlan(plan, { priority: 5 });
  if (!checked.ok) throw new Error(checked.faults[0]?.message);
  return createGraph(checked.plan, 100);
}

const noop = (key: string, ...dependsOn: readonly string[]) => ({ key, type: 'noop', dependsOn });
const diamond = (more: object = {}): Graph =>
  graphOf({ tasks: [{ ...noop('a'), ...more }, noop('b', 'a'), noop('c', 'a'), noop('d', 'b', 'c')] });
const at = (graph: Graph, key: string): Node => graph.nodes.get(key) as Node;

describe('a graph', () => {
  it('begins with what waits for nothing', () => {
    const graph = diamond();
    expect(graph.counts).toMatchObject({ pending: 1, created: 3 });
    expect(at(graph, 'a')).toMatchObject({ status: 'pending', waiting: 0, readyAt: 100, dependents: ['b', 'c'] });
    expect(at(graph, 'd')).toMatchObject({ status: 'created', waiting: 2, readyAt: 0, dependents: [] });
  });

  it('lets go what waited for the last time, since then', () => {
    const graph = diamond();
    move(graph, at(graph, 'a'), 'completed');
    expect(release(graph, at(graph, 'a'), 200)).toEqual(['b', 'c']);
    move(graph, at(graph, 'b'), 'completed');
    expect(release(graph, at(graph, 'b'), 300)).toEqual([]);
    move(graph, at(graph, 'c'), 'completed');
    expect(release(graph, at(graph, 'c'), 400)).toEqual(['d']);
    expect(at(graph, 'd')).toMatchObject({ status: 'pending', readyAt: 400 });
    expect(graph.counts).toMatchObject({ completed: 3, pending: 1, created: 0 });
  });

  it('lets nothing go that was cancelled meanwhile', () => {
    const graph = diamond();
    move(graph, at(graph, 'b'), 'cancelled');
    move(graph, at(graph, 'a'), 'completed');
    expect(release(graph, at(graph, 'a'), 200)).toEqual(['c']);
  });

  it('knows what is downstream, and what nothing depends on', () => {
    const graph = diamond();
    expect([...downstream(graph, 'a')].sort()).toEqual(['b', 'c', 'd']);
    expect([...downstream(graph, 'b')]).toEqual(['d']);
    expect([...downstream(graph, 'nobody')]).toEqual([]);
    expect(sinks(graph)).toEqual(['d']);
  });

  const statuses: readonly TaskStatus[] = [
    'created',
    'pending',
    'queued',
    'running',
    'failed',
    'completed',
    'dead_letter',
    'cancelled',
  ];

  it.each([
    ['fail_goal', undefined, ['completed'], ['dead_letter', 'cancelled']],
    ['fail_goal', 'gl.x', ['completed'], ['dead_letter']],
    ['continue', undefined, ['completed', 'dead_letter', 'cancelled'], []],
    ['continue', 'gl.x', ['completed', 'dead_letter'], []],
  ] as const)(
    'of a task with %s, cancelled because of %s, goes on behind %j and breaks behind %j',
    (onFailure, culprit, well, broken) => {
      const node = at(diamond({ onFailure }), 'a');
      node.culprit = culprit;
      const among = (fits: (node: Node) => boolean): readonly TaskStatus[] =>
        statuses.filter((status) => fits(Object.assign(node, { status })));
      expect(among(isSettledWell)).toEqual(well);
      expect(among(isBroken)).toEqual(broken);
    },
  );

  it('sees what depends on a task and is under way', () => {
    const graph = diamond();
    const underWay = statuses.filter((status) => {
      at(graph, 'b').status = status;
      return hasDependantsUnderWay(graph, at(graph, 'a'));
    });
    expect(underWay).toEqual(['queued', 'running', 'failed']);
  });
});

describe('a task that begins again', () => {
  it('waits for what is not settled well', () => {
    const graph = diamond();
    for (const key of ['b', 'c', 'd']) move(graph, at(graph, key), 'cancelled');
    move(graph, at(graph, 'a'), 'dead_letter');
    expect(restart(graph, at(graph, 'a'), 500)).toEqual([]);
    expect(at(graph, 'a')).toMatchObject({ status: 'pending', readyAt: 500, waiting: 0 });
    restart(graph, at(graph, 'd'), 500);
    restart(graph, at(graph, 'b'), 500);
    expect(at(graph, 'd')).toMatchObject({ status: 'created', waiting: 2, readyAt: 0 });
    expect(at(graph, 'b')).toMatchObject({ status: 'created', waiting: 1 });
  });

  it('takes back what it had let go', () => {
    const graph = diamond({ onFailure: 'continue' });
    move(graph, at(graph, 'a'), 'dead_letter');
    release(graph, at(graph, 'a'), 200);
    move(graph, at(graph, 'c'), 'completed');
    release(graph, at(graph, 'c'), 250);
    expect(at(graph, 'd').waiting).toBe(1);
    expect(restart(graph, at(graph, 'a'), 300)).toEqual(['b']);
    expect(at(graph, 'b')).toMatchObject({ status: 'created', waiting: 1, readyAt: 0 });
    move(graph, at(graph, 'a'), 'completed');
    expect(release(graph, at(graph, 'a'), 400)).toEqual(['b']);
  });

  it('takes along what failures had cancelled, but for what depends on one that is broken still', () => {
    const graph = graphOf({
      tasks: [noop('a'), noop('x', 'a'), noop('b'), noop('y', 'b'), noop('z', 'y', 'x'), noop('own')],
    });
    for (const key of ['x', 'y', 'z']) Object.assign(at(graph, key), { status: 'cancelled', culprit: 'gl.a' });
    for (const key of ['a', 'b']) at(graph, key).status = 'dead_letter';
    Object.assign(at(graph, 'own'), { status: 'cancelled', task: { ...at(graph, 'own').task, onFailure: 'continue' } });
    at(graph, 'a').status = 'pending';
    expect(reopenable(graph)).toEqual(['x']);
    at(graph, 'b').status = 'pending';
    expect(reopenable(graph)).toEqual(['x', 'y', 'z']);
  });
});

describe('any graph', () => {
  it('is let go in an order that respects it, each task once, however its tasks end', () => {
    fc.assert(
      fc.property(plans(20), fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (plan, order) => {
        const graph = graphOf(plan);
        const seen = new Set<string>();
        for (let step = 0; openTasks(graph) > 0; step++) {
          const ready = [...graph.nodes.values()].filter(({ status }) => status === 'pending');
          const node = ready[(order[step % order.length] as number) % ready.length] as Node;
          for (const key of node.task.dependsOn) expect(seen.has(key)).toBe(true);
          seen.add(node.task.key);
          move(graph, node, 'completed');
          release(graph, node, step);
        }
        expect(seen.size).toBe(graph.nodes.size);
      }),
    );
  });
});
