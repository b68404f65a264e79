import { cyclePrintedMax } from '../bounds.ts';

/** `dependencies[i]` are the places of what task i depends on. */
type Dependencies = readonly (readonly number[])[];

/** The tasks of a plan, each behind all it depends on; or a cycle, each before what depends on it. */
export type PlanOrder =
  | { readonly kind: 'order'; readonly places: readonly number[] }
  | { readonly kind: 'cycle'; readonly places: readonly number[] };

/** Depth first, without recursion: linear in tasks and dependencies. */
export function orderOf(dependencies: Dependencies): PlanOrder {
  const state = new Uint8Array(dependencies.length);
  const order: number[] = [];
  for (let root = 0; root < dependencies.length; root++) {
    if (state[root] !== 0) continue;
    const path: { readonly at: number; next: number }[] = [{ at: root, next: 0 }];
    state[root] = 1;
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const next = dependencies[top.at]?.[top.next++];
      if (next === undefined) {
        state[top.at] = 2;
        order.push(top.at);
        path.pop();
      } else if (state[next] === 1) return { kind: 'cycle', places: shortestCycle(dependencies, next) };
      else if (state[next] === 0) {
        state[next] = 1;
        path.push({ at: next, next: 0 });
      }
    }
  }
  return { kind: 'order', places: order };
}

/** The shortest cycle through a task, breadth first, beginning with what comes first in the plan; there is one. */
function shortestCycle(dependencies: Dependencies, start: number): readonly number[] {
  const cameFrom = new Map<number, number>();
  const open = [start];
  for (const at of open)
    for (const next of dependencies[at] ?? []) {
      if (next === start) {
        const cycle = [start];
        for (let step = at; step !== start; step = cameFrom.get(step) as number) cycle.push(step);
        const first = cycle.indexOf(Math.min(...cycle));
        return [...cycle.slice(first), ...cycle.slice(0, first)];
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      open.push(next);
    }
  throw new Error('expected a cycle');
}

/** `a → b → a`, each before what depends on it; of a long one the middle is counted. */
export function printCycle(keys: readonly string[]): string {
  const closed = [...keys, keys[0] as string];
  const left = closed.length - cyclePrintedMax;
  if (left <= 0) return closed.join(' → ');
  const half = cyclePrintedMax / 2;
  return [...closed.slice(0, half), `… ${left} more …`, ...closed.slice(-half)].join(' → ');
}

/**
 * Which tasks are upstream of which: answers for the tasks in `of` alone, one bit each, filled in along the order. Costs the number
 * of dependencies times |of| / 32.
 */
export function upstreamOf(
  dependencies: Dependencies,
  order: readonly number[],
  of: ReadonlySet<number>,
): (task: number, other: number) => boolean {
  const columns = new Map([...of].map((place, column) => [place, column]));
  const words = Math.ceil(columns.size / 32);
  const bits = new Uint32Array(words * dependencies.length);
  for (const task of order)
    for (const dependency of dependencies[task] ?? []) {
      for (let word = 0; word < words; word++)
        (bits[task * words + word] as number) |= bits[dependency * words + word] as number;
      const column = columns.get(dependency);
      if (column !== undefined) (bits[task * words + (column >>> 5)] as number) |= 1 << (column & 31);
    }
  return (task, other) => {
    const column = columns.get(other);
    return column !== undefined && ((bits[task * words + (column >>> 5)] as number) & (1 << (column & 31))) !== 0;
  };
}
