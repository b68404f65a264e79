import type { Json } from '../../kernel/envelope.ts';
import type { Fault } from '../../kernel/errors.ts';
import {
  backoffMaxDefaultMs,
  backoffMaxMs,
  backoffMinDefaultMs,
  dependenciesMax,
  maxAttemptsDefault,
  maxAttemptsMax,
  planBytesMax,
  planTasksMax,
  taskInputBytesMax,
  timeoutDefaultMs,
  timeoutMaxMs,
} from '../bounds.ts';
import { clientKeyPattern } from '../input.ts';
import type { Plan, PlannedTask, TaskLimits } from './plan.ts';

export type PlanCheck =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly code: 'plan_invalid' | 'plan_too_large'; readonly faults: readonly Fault[] };

type Fields = { readonly [key: string]: unknown };

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const name = /^[a-z0-9_-]{1,64}$/;
const taskFields = new Set([
  'key',
  'type',
  'input',
  'dependsOn',
  'pool',
  'priority',
  'maxAttempts',
  'timeoutMs',
  'backoff',
  'limits',
  'onFailure',
]);
const limitFields: Readonly<Record<string, (value: unknown) => boolean>> = {
  memoryBytes: (value) => isCount(value, 1, Number.MAX_SAFE_INTEGER),
  cpus: (value) => typeof value === 'number' && value > 0 && value <= 1024,
  pids: (value) => isCount(value, 1, 1_000_000),
  diskBytes: (value) => isCount(value, 1, Number.MAX_SAFE_INTEGER),
  outputBytes: (value) => isCount(value, 1, Number.MAX_SAFE_INTEGER),
  network: (value) => value === 'none' || value === 'allowlist' || value === 'full',
};

const isCount = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/**
 * Checks a plan in full and fills in its defaults: at the edge, and again where it is decided about. Names every fault: keys
 * that are malformed or doubled, unknown fields and dependencies, references that are not upstream, a cycle (printed), sizes. Takes
 * time linear in tasks, dependencies and bytes.
 */
export function checkPlan(
  input: unknown,
  options: { readonly priority: number; readonly allowedTools?: readonly string[] },
): PlanCheck {
  const faults: Fault[] = [];
  const fault = (pointer: string, message: string): void => {
    faults.push({ pointer, message });
  };
  const invalid = (): PlanCheck => ({ ok: false, code: 'plan_invalid', faults });
  if (!isFields(input)) {
    fault('', 'expected an object { tasks: […] }');
    return invalid();
  }
  for (const field of Object.keys(input)) if (field !== 'tasks') fault(`/${token(field)}`, 'unknown field');
  const list = input['tasks'];
  if (!Array.isArray(list) || list.length === 0) {
    fault('/tasks', 'expected a list of at least one task');
    return invalid();
  }
  if (list.length > planTasksMax) {
    fault('/tasks', `expected at most ${planTasksMax} tasks, found ${list.length}`);
    return invalid();
  }
  const tasks = list.map((one, index) => checkTask(one, `/tasks/${index}`, options, fault));
  const places = new Map<string, number>();
  for (const [index, task] of tasks.entries()) {
    if (!task) continue;
    const first = places.get(task.key);
    if (first !== undefined)
      fault(`/tasks/${index}/key`, `expected unique keys, found ${task.key} at /tasks/${first} too`);
    else places.set(task.key, index);
  }
  for (const [index, task] of tasks.entries())
    for (const [at, dependency] of (task?.dependsOn ?? []).entries())
      if (!places.has(dependency))
        fault(`/tasks/${index}/dependsOn/${at}`, `expected the key of a task in this plan, found ${dependency}`);
  if (faults.length > 0) return invalid();
  const plan: Plan = { tasks: tasks as readonly PlannedTask[] };
  const cycle = findCycle(plan, places);
  if (cycle) {
    fault('/tasks', `expected no cycle, found ${cycle.join(' → ')}`);
    return invalid();
  }
  checkReferences(plan, places, fault);
  if (faults.length > 0) return invalid();
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes > planBytesMax)
    return {
      ok: false,
      code: 'plan_too_large',
      faults: [{ pointer: '/tasks', message: `expected at most ${planBytesMax} bytes, found ${bytes}` }],
    };
  return { ok: true, plan };
}

const token = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function checkTask(
  input: unknown,
  at: string,
  options: { readonly priority: number; readonly allowedTools?: readonly string[] },
  fault: (pointer: string, message: string) => void,
): PlannedTask | undefined {
  if (!isFields(input)) {
    fault(at, 'expected an object { key, type, … }');
    return undefined;
  }
  let sound = true;
  const expect = <T>(field: string, fallback: T, fits: (value: unknown) => boolean, expected: string): T => {
    const value = input[field];
    if (value === undefined) return fallback;
    if (fits(value)) return value as T;
    sound = false;
    fault(`${at}/${field}`, `expected ${expected}`);
    return fallback;
  };
  for (const field of Object.keys(input)) if (!taskFields.has(field)) fault(`${at}/${token(field)}`, 'unknown field');
  const key = expect(
    'key',
    '',
    (value) => typeof value === 'string' && clientKeyPattern.test(value),
    '1 to 64 of A-Z, a-z, 0-9, - and _, not beginning with _',
  );
  if (input['key'] === undefined) fault(`${at}/key`, 'expected a key');
  const type = expect(
    'type',
    '',
    (value) => typeof value === 'string' && name.test(value),
    '1 to 64 of a-z, 0-9, _ and -',
  );
  if (input['type'] === undefined) fault(`${at}/type`, 'expected a task type');
  const allowed = options.allowedTools ?? [];
  if (type !== '' && allowed.length > 0 && !allowed.includes(type))
    fault(`${at}/type`, `expected one of the agent's allowed tools (${allowed.join(', ')}), found ${type}`);
  const dependsOn = expect<readonly string[]>(
    'dependsOn',
    [],
    (value) =>
      Array.isArray(value) &&
      value.length <= dependenciesMax &&
      value.every((one) => typeof one === 'string') &&
      new Set(value).size === value.length,
    `a list of at most ${dependenciesMax} different keys`,
  );
  const inputValue = expect<Json>('input', {}, () => true, 'JSON');
  if (Buffer.byteLength(JSON.stringify(inputValue) ?? 'null') > taskInputBytesMax)
    fault(`${at}/input`, `expected at most ${taskInputBytesMax} bytes of JSON`);
  const backoff = expect('backoff', {} as Fields, isFields, 'an object { minMs?, maxMs? }');
  for (const field of Object.keys(backoff))
    if (field !== 'minMs' && field !== 'maxMs') fault(`${at}/backoff/${token(field)}`, 'unknown field');
  const minMs = backoff['minMs'] ?? backoffMinDefaultMs;
  const maxMs = backoff['maxMs'] ?? Math.max(backoffMaxDefaultMs, typeof minMs === 'number' ? minMs : 0);
  if (!isCount(minMs, 0, backoffMaxMs))
    fault(`${at}/backoff/minMs`, `expected a whole number from 0 to ${backoffMaxMs}`);
  else if (!isCount(maxMs, minMs, backoffMaxMs))
    fault(`${at}/backoff/maxMs`, `expected a whole number from ${minMs} to ${backoffMaxMs}`);
  const limits = expect('limits', {} as Fields, isFields, 'an object of limits');
  for (const [field, value] of Object.entries(limits)) {
    const fits = limitFields[field];
    if (!fits) fault(`${at}/limits/${token(field)}`, 'unknown field');
    else if (!fits(value))
      fault(
        `${at}/limits/${field}`,
        field === 'network' ? 'expected none, allowlist or full' : 'expected a positive number',
      );
  }
  const task: PlannedTask = {
    key,
    type,
    input: inputValue,
    dependsOn,
    pool: expect(
      'pool',
      'default',
      (value) => typeof value === 'string' && name.test(value),
      '1 to 64 of a-z, 0-9, _ and -',
    ),
    priority: expect('priority', options.priority, (value) => isCount(value, 0, 9), '0 (most urgent) to 9'),
    maxAttempts: expect(
      'maxAttempts',
      maxAttemptsDefault,
      (value) => isCount(value, 1, maxAttemptsMax),
      `a whole number from 1 to ${maxAttemptsMax}`,
    ),
    timeoutMs: expect(
      'timeoutMs',
      timeoutDefaultMs,
      (value) => isCount(value, 1, timeoutMaxMs),
      `a whole number from 1 to ${timeoutMaxMs}`,
    ),
    backoff: { minMs: minMs as number, maxMs: maxMs as number },
    limits: limits as TaskLimits,
    onFailure: expect(
      'onFailure',
      'fail_goal',
      (value) => value === 'fail_goal' || value === 'continue',
      'fail_goal or continue',
    ),
  };
  return sound && key !== '' && type !== '' ? task : undefined;
}

/** A cycle as `a → b → a` (each before what depends on it), or undefined: depth first, without recursion. */
function findCycle(plan: Plan, places: ReadonlyMap<string, number>): readonly string[] | undefined {
  const state = new Uint8Array(plan.tasks.length);
  for (let root = 0; root < plan.tasks.length; root++) {
    if (state[root] !== 0) continue;
    const path: { at: number; next: number }[] = [{ at: root, next: 0 }];
    state[root] = 1;
    while (path.length > 0) {
      const top = path.at(-1) as { at: number; next: number };
      const dependency = (plan.tasks[top.at] as PlannedTask).dependsOn[top.next++];
      if (dependency === undefined) {
        state[top.at] = 2;
        path.pop();
        continue;
      }
      const at = places.get(dependency) as number;
      if (state[at] === 1) {
        const from = path.findIndex((step) => step.at === at);
        const keys = path
          .slice(from)
          .map((step) => (plan.tasks[step.at] as PlannedTask).key)
          .reverse();
        return [...keys, keys[0] as string];
      }
      if (state[at] === 0) {
        state[at] = 1;
        path.push({ at, next: 0 });
      }
    }
  }
  return undefined;
}

/** A `$from` must name a task upstream: what it takes has to be there when the task starts. */
function checkReferences(
  plan: Plan,
  places: ReadonlyMap<string, number>,
  fault: (pointer: string, message: string) => void,
): void {
  for (const [index, task] of plan.tasks.entries()) {
    let upstream: ReadonlySet<string> | undefined;
    for (const { key, pointer, at } of references(task.input)) {
      const where = `/tasks/${index}/input${at}`;
      if (pointer !== undefined && !/^(\/([^~]|~[01])*)?$/.test(pointer))
        fault(`${where}/pointer`, `expected a JSON pointer (RFC 6901), found ${pointer}`);
      upstream ??= upstreamOf(plan, places, task);
      if (!upstream.has(key)) fault(`${where}/$from`, `expected a task that ${task.key} depends on, found ${key}`);
    }
  }
}

function upstreamOf(plan: Plan, places: ReadonlyMap<string, number>, task: PlannedTask): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...task.dependsOn];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(...(plan.tasks[places.get(key) as number] as PlannedTask).dependsOn);
  }
  return seen;
}

export interface Reference {
  readonly key: string;
  readonly pointer: string | undefined;
  /** Where in the input it stands (RFC 6901). */
  readonly at: string;
}

/** Every `{ "$from": key, "pointer"?: … }` in an input. */
export function references(input: Json, at = ''): readonly Reference[] {
  if (Array.isArray(input)) return input.flatMap((one, index) => references(one as Json, `${at}/${index}`));
  if (input === null || typeof input !== 'object') return [];
  const fields = input as { readonly [key: string]: Json };
  if (typeof fields['$from'] === 'string')
    return [
      { key: fields['$from'], pointer: typeof fields['pointer'] === 'string' ? fields['pointer'] : undefined, at },
    ];
  return Object.entries(fields).flatMap(([field, value]) => references(value, `${at}/${token(field)}`));
}

/** An input with its references replaced; a result that is not there (its task failed, `continue`) gives null. */
export function resolveInput(input: Json, resultOf: (key: string) => Json | undefined): Json {
  if (Array.isArray(input)) return input.map((one) => resolveInput(one as Json, resultOf));
  if (input === null || typeof input !== 'object') return input;
  const fields = input as { readonly [key: string]: Json };
  if (typeof fields['$from'] === 'string')
    return pointed(resultOf(fields['$from']), typeof fields['pointer'] === 'string' ? fields['pointer'] : '');
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, resolveInput(value, resultOf)]));
}

/** RFC 6901; null where nothing stands. */
function pointed(value: Json | undefined, pointer: string): Json {
  let at: Json | undefined = value;
  for (const part of pointer === '' ? [] : pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = /^(0|[1-9]\d*)$/.test(name) ? (at[Number(name)] as Json | undefined) : undefined;
    else if (at !== null && typeof at === 'object')
      at = Object.hasOwn(at, name) ? (at as { readonly [key: string]: Json })[name] : undefined;
    else return null;
  }
  return at ?? null;
}
