import type { Json } from '../../kernel/envelope.ts';
import type { Fault, Problem } from '../../kernel/errors.ts';
import { planBytesMax, planFaultsMax, planTasksMax } from '../bounds.ts';
import { jsonBytes } from '../json.ts';
import { token } from '../pointer.ts';
import type { Plan, PlannedTask } from './plan.ts';
import { orderOf, printCycle, upstreamOf } from './plan-order.ts';
import { referencesOf } from './references.ts';
import { checkTask, inputBytes, isFields } from './task-check.ts';

export type PlanCheck =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly code: 'plan_invalid' | 'plan_too_large'; readonly faults: readonly Fault[] };

/**
 * Checks a plan in full and fills in its defaults: at the edge, and again where it is decided about. Names every fault: keys
 * that are malformed or doubled, unknown fields and dependencies, references that are not upstream, a cycle (printed), sizes. Takes
 * time linear in tasks, dependencies and bytes, but for references past the direct dependencies ({@link upstreamOf}).
 */
export function checkPlan(
  input: unknown,
  options: { readonly priority: number; readonly allowedTools?: readonly string[] },
): PlanCheck {
  const faults: Fault[] = [];
  let more = 0;
  const fault = (pointer: string, message: string): void => {
    if (faults.length < planFaultsMax) faults.push({ pointer, message });
    else more++;
  };
  const tasks = readTasks(input, options, fault);
  if (tasks) checkGraph(tasks, fault);
  if (more > 0) faults.push({ pointer: '', message: `${more} more faults are not listed` });
  if (faults.length > 0) return { ok: false, code: 'plan_invalid', faults };
  const plan: Plan = { tasks: tasks as readonly PlannedTask[] };
  if (bytesAtMost(plan) <= planBytesMax) return { ok: true, plan };
  const bytes = jsonBytes(plan as unknown as Json);
  if (bytes <= planBytesMax) return { ok: true, plan };
  const message = `expected at most ${planBytesMax} bytes with all defaults, found ${bytes}`;
  return { ok: false, code: 'plan_too_large', faults: [{ pointer: '/tasks', message }] };
}

/** What a task says beside its input and its dependencies, with names of 64 characters and every limit, and room to spare. */
const taskBytesAtMost = 1024;
const dependencyBytesAtMost = 67;

/** A bound of its size that costs less than measuring it: most plans are far below theirs. */
const bytesAtMost = ({ tasks }: Plan): number =>
  tasks.reduce(
    (sum, { input, dependsOn }) => sum + taskBytesAtMost + dependencyBytesAtMost * dependsOn.length + inputBytes(input),
    taskBytesAtMost,
  );

/** A refused plan as a problem: the pointers are those of a body that holds it as `plan`. */
export function planProblem({ code, faults }: Extract<PlanCheck, { ok: false }>): Problem {
  const errors = faults.map(({ pointer, message }) => ({ pointer: `/plan${pointer}`, message }));
  const first = errors.slice(0, 3).map(({ pointer, message }) => `${pointer}: ${message}`);
  const count = errors.length === 1 ? 'a fault' : `${errors.length} faults`;
  return { kind: 'rejected', code, detail: `the plan has ${count}: ${first.join('; ')}`, errors };
}

type Told = (pointer: string, message: string) => void;

/** The tasks as far as they can be read; undefined when there is no list of them. */
function readTasks(
  input: unknown,
  options: { readonly priority: number; readonly allowedTools?: readonly string[] },
  fault: Told,
): readonly (PlannedTask | undefined)[] | undefined {
  if (!isFields(input)) {
    fault('', 'expected an object { tasks: […] }');
    return undefined;
  }
  for (const field of Object.keys(input)) if (field !== 'tasks') fault(`/${token(field)}`, 'unknown field');
  const { tasks } = input;
  if (!Array.isArray(tasks) || tasks.length === 0) fault('/tasks', 'expected a list of at least one task');
  else if (tasks.length > planTasksMax)
    fault('/tasks', `expected at most ${planTasksMax} tasks, found ${tasks.length}`);
  else return tasks.map((one, index) => checkTask(one, `/tasks/${index}`, options, fault));
  return undefined;
}

/** What tasks say of each other: unique keys, dependencies that exist and go round in no cycle, references that are upstream. */
function checkGraph(tasks: readonly (PlannedTask | undefined)[], fault: Told): void {
  const places = new Map<string, number>();
  for (const [place, task] of tasks.entries()) {
    if (!task || task.key === '') continue;
    const first = places.get(task.key);
    if (first === undefined) places.set(task.key, place);
    else fault(`/tasks/${place}/key`, `expected unique keys, found ${task.key} at /tasks/${first} too`);
  }
  const dependencies = tasks.map((task, place) =>
    (task?.dependsOn ?? []).flatMap((key, index) => {
      const dependency = places.get(key);
      if (dependency !== undefined) return [dependency];
      fault(
        `/tasks/${place}/dependsOn/${index}`,
        `expected the key of a task in this plan, found ${JSON.stringify(key.slice(0, 80))}`,
      );
      return [];
    }),
  );
  const far = farReferences(tasks, fault);
  const order = orderOf(dependencies);
  if (order.kind === 'cycle') {
    const keys = order.places.map((place) => (tasks[place] as PlannedTask).key);
    fault('/tasks', `expected no cycle, found ${printCycle(keys)}`);
  } else if (far.length > 0) checkUpstream(far, places, dependencies, order.places, fault);
}

interface FarReference {
  readonly task: PlannedTask;
  /** The task it names, which is none of the direct dependencies. */
  readonly key: string;
  readonly pointer: string;
}

/** Checks each reference by itself; returns those past the direct dependencies. */
const farReferences = (tasks: readonly (PlannedTask | undefined)[], fault: Told): readonly FarReference[] =>
  tasks.flatMap((task, place) => {
    if (!task) return [];
    const at = `/tasks/${place}/input`;
    const references = referencesOf(task.input, (pointer, message) => fault(`${at}${pointer}`, message));
    if (references.length === 0) return [];
    const direct = new Set(task.dependsOn);
    return references
      .filter(({ key }) => !direct.has(key))
      .map(({ key, at: where }) => ({ task, key, pointer: `${at}${where}/$from` }));
  });

/** A `$from` must name a task upstream: what it takes has to be there when the task starts. */
function checkUpstream(
  far: readonly FarReference[],
  places: ReadonlyMap<string, number>,
  dependencies: readonly (readonly number[])[],
  order: readonly number[],
  fault: Told,
): void {
  const named = new Set(far.flatMap(({ key }) => places.get(key) ?? []));
  const isUpstream = upstreamOf(dependencies, order, named);
  for (const { task, key, pointer } of far)
    if (!isUpstream(places.get(task.key) ?? -1, places.get(key) ?? -1))
      fault(pointer, `expected a task that ${task.key} depends on, found ${JSON.stringify(key.slice(0, 80))}`);
}
