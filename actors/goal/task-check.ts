import type { Json } from '../../kernel/envelope.ts';
import {
  backoffMaxDefaultMs,
  backoffMaxMs,
  backoffMinDefaultMs,
  dependenciesMax,
  jsonDepthMax,
  maxAttemptsDefault,
  maxAttemptsMax,
  taskInputBytesMax,
  timeoutDefaultMs,
  timeoutMaxMs,
} from '../bounds.ts';
import { clientKeyPattern } from '../input.ts';
import { isJson, jsonBytes } from '../json.ts';
import { token } from '../pointer.ts';
import type { PlannedTask, TaskLimits } from './plan.ts';

type Fields = { readonly [key: string]: unknown };
export type Fault = (pointer: string, message: string) => void;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const isName = (value: unknown): value is string => typeof value === 'string' && /^[a-z0-9_-]{1,64}$/.test(value);
const isKey = (value: unknown): value is string => typeof value === 'string' && clientKeyPattern.test(value);

const taskFields = new Set<string>([
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
] satisfies (keyof PlannedTask)[]);

type Limit = readonly [fits: (value: unknown) => boolean, expected: string];
const count = (most: number, of: string): Limit => [(value) => isCount(value, 1, most), `a whole number${of}`];
const limitFields: Readonly<Record<keyof TaskLimits, Limit>> = {
  memoryBytes: count(Number.MAX_SAFE_INTEGER, ' of bytes'),
  diskBytes: count(Number.MAX_SAFE_INTEGER, ' of bytes'),
  outputBytes: count(Number.MAX_SAFE_INTEGER, ' of bytes'),
  cpus: [(value) => typeof value === 'number' && value > 0 && value <= 1024, 'a number above 0, up to 1024'],
  pids: count(1_000_000, ' from 1 to 1000000'),
  network: [(value) => value === 'none' || value === 'allowlist' || value === 'full', 'none, allowlist or full'],
};
const limits: ReadonlyMap<string, Limit> = new Map(Object.entries(limitFields));

const nameExpected = '1 to 64 of a-z, 0-9, _ and -';
const keysExpected = `a list of at most ${dependenciesMax} different keys`;
const attemptsExpected = `a whole number from 1 to ${maxAttemptsMax}`;
const timeoutExpected = `a whole number from 1 to ${timeoutMaxMs}`;
const isPriority = (value: unknown): boolean => isCount(value, 0, 9);
const isAttempts = (value: unknown): boolean => isCount(value, 1, maxAttemptsMax);
const isTimeout = (value: unknown): boolean => isCount(value, 1, timeoutMaxMs);
const isOnFailure = (value: unknown): boolean => value === 'fail_goal' || value === 'continue';

const found = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value).slice(0, 80) : typeof value;

/**
 * One task of a plan with its defaults, as far as it can be read: a field that does not fit is a fault, and reads as its default. What
 * it says of other tasks is checked with the plan.
 */
export function checkTask(
  input: unknown,
  at: string,
  options: { readonly priority: number; readonly allowedTools?: readonly string[] },
  fault: Fault,
): PlannedTask | undefined {
  if (!isFields(input)) {
    fault(at, 'expected an object { key, type, … }');
    return undefined;
  }
  const read = <T>(field: string, fallback: T, fits: (value: unknown) => boolean, expected: string): T => {
    const value = input[field];
    if (value === undefined) return fallback;
    if (fits(value)) return value as T;
    fault(`${at}/${field}`, `expected ${expected}, found ${found(value)}`);
    return fallback;
  };
  for (const field of Object.keys(input)) if (!taskFields.has(field)) fault(`${at}/${token(field)}`, 'unknown field');
  for (const field of ['key', 'type']) if (input[field] === undefined) fault(`${at}/${field}`, `expected a ${field}`);
  const type = read('type', '', isName, nameExpected);
  const { allowedTools = [] } = options;
  if (type !== '' && allowedTools.length > 0 && !allowedTools.includes(type))
    fault(`${at}/type`, `expected one of the agent's allowed tools (${allowedTools.join(', ')}), found ${type}`);
  return {
    key: read('key', '', isKey, '1 to 64 of A-Z, a-z, 0-9, - and _, not beginning with _'),
    type,
    input: inputOf(input, at, fault),
    dependsOn: read('dependsOn', [], areKeys, keysExpected),
    pool: read('pool', 'default', isName, nameExpected),
    priority: read('priority', options.priority, isPriority, '0 (most urgent) to 9'),
    maxAttempts: read('maxAttempts', maxAttemptsDefault, isAttempts, attemptsExpected),
    timeoutMs: read('timeoutMs', timeoutDefaultMs, isTimeout, timeoutExpected),
    backoff: backoffOf(read<Fields>('backoff', {}, isFields, 'an object { minMs?, maxMs? }'), at, fault),
    limits: limitsOf(read<Fields>('limits', {}, isFields, 'an object of limits'), at, fault),
    onFailure: read('onFailure', 'fail_goal', isOnFailure, 'fail_goal or continue'),
  };
}

const areKeys = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length <= dependenciesMax &&
  value.every((one) => typeof one === 'string') &&
  new Set(value).size === value.length;

/** Its size as JSON; most have none, which costs nothing. */
export const inputBytes = (input: Json): number =>
  isFields(input) && Object.keys(input).length === 0 ? 2 : jsonBytes(input);

function inputOf({ input = {} }: Fields, at: string, fault: Fault): Json {
  if (!isJson(input)) {
    fault(`${at}/input`, `expected JSON of well-formed text, at most ${jsonDepthMax} levels deep`);
    return {};
  }
  const size = inputBytes(input);
  if (size > taskInputBytesMax)
    fault(`${at}/input`, `expected at most ${taskInputBytesMax} bytes of JSON, found ${size}`);
  return input;
}

function backoffOf(backoff: Fields, at: string, fault: Fault): PlannedTask['backoff'] {
  const { minMs = backoffMinDefaultMs, maxMs, ...rest } = backoff;
  for (const field of Object.keys(rest)) fault(`${at}/backoff/${token(field)}`, 'unknown field');
  if (!isCount(minMs, 0, backoffMaxMs)) {
    fault(`${at}/backoff/minMs`, `expected a whole number from 0 to ${backoffMaxMs}, found ${found(minMs)}`);
    return { minMs: backoffMinDefaultMs, maxMs: backoffMaxDefaultMs };
  }
  const most = maxMs ?? Math.max(backoffMaxDefaultMs, minMs);
  if (isCount(most, minMs, backoffMaxMs)) return { minMs, maxMs: most };
  fault(`${at}/backoff/maxMs`, `expected a whole number from ${minMs} to ${backoffMaxMs}, found ${found(most)}`);
  return { minMs, maxMs: minMs };
}

function limitsOf(given: Fields, at: string, fault: Fault): TaskLimits {
  for (const [field, value] of Object.entries(given)) {
    const limit = limits.get(field);
    if (!limit) fault(`${at}/limits/${token(field)}`, 'unknown field');
    else if (!limit[0](value)) fault(`${at}/limits/${field}`, `expected ${limit[1]}, found ${found(value)}`);
  }
  return given as TaskLimits;
}
