import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { Json } from '../kernel/envelope.ts';
import { planFileBytesMax } from './bounds.ts';
import { usageError } from './exit-code.ts';

/**
 * A plan file: the body of `POST /v1/goals`, in YAML or JSON, with two additions for people.
 *
 *   agent: census            # name (or id) of the agent; made when it is missing. `--agent` goes first
 *   inputs:                  # what `--input name=value` may say; the short form `name: value` is a text with that default
 *     dir: { type: string, default: ".", description: the directory to measure }
 *   tasks: […]               # or plan: { tasks: […] }
 *
 * `${inputs.dir}` in any text becomes that input. A text that is nothing but `${inputs.n}` becomes the value with its type;
 * `$${` is a plain `${`. Inputs are put in after the file is parsed: they cannot change its structure. In a shell command
 * pass them through `env`, where the shell does not read them.
 */
export interface PlanFile {
  /** Name or id of the agent, if the file says one. */
  readonly agent: string | undefined;
  /** The request's body but for `agentId`. */
  readonly goal: { readonly [key: string]: Json };
  readonly taskCount: number;
}

const inputTypes = ['string', 'number', 'boolean', 'json'] as const;
type InputType = (typeof inputTypes)[number];

const declared = z.strictObject({
  type: z.enum(inputTypes).default('string'),
  default: z.json().optional(),
  description: z.string().optional(),
});
const declaration = z.union([declared, z.union([z.string(), z.number(), z.boolean()]).transform(short)]);
const inputName = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

const fileSchema = z.looseObject({
  agent: z.string().min(1).optional(),
  inputs: z.record(z.string().regex(inputName), declaration).optional(),
  plan: z.looseObject({ tasks: z.array(z.json()) }).optional(),
  tasks: z.array(z.json()).optional(),
});

/** Reads a plan file and puts the inputs in. Throws `rejected` with a code and one clear line for everything that is wrong. */
export function readPlanFile(path: string, given: readonly string[]): PlanFile {
  return parsePlanFile(readText(path), path, given);
}

export function parsePlanFile(content: string, name: string, given: readonly string[]): PlanFile {
  const file = parseContent(content, name);
  const { agent, inputs = {}, plan, tasks, ...rest } = file;
  if ((plan === undefined) === (tasks === undefined))
    throw usageError(
      'plan_file_invalid',
      `${name}: expected tasks either at the top or under plan, found ${plan ? 'both' : 'neither'}`,
    );
  const values = inputValues(inputs, given, name);
  const body = { ...rest, plan: plan ?? { tasks } } as Json;
  const goal = substitute(body, values, name, '') as { readonly [key: string]: Json };
  return {
    agent: agent === undefined ? undefined : text(substitute(agent, values, name, '/agent')),
    goal,
    taskCount: (plan?.tasks ?? tasks ?? []).length,
  };
}

function readText(path: string): string {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const stat = fstatSync(descriptor);
    if (stat.isDirectory())
      throw usageError('plan_file_unreadable', `${path} is a directory; expected a plan in YAML or JSON`);
    if (stat.size > planFileBytesMax)
      throw usageError(
        'plan_file_too_large',
        `${path} has ${stat.size} bytes; a plan file may have ${planFileBytesMax}`,
      );
    return readFileSync(descriptor, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw usageError('plan_file_missing', `there is no file ${path}`, cause);
    if (code === 'EACCES' || code === 'EISDIR')
      throw usageError('plan_file_unreadable', `${path} cannot be read (${code})`, cause);
    throw cause;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function parseContent(content: string, name: string): z.infer<typeof fileSchema> {
  const document = parseDocument(content, { uniqueKeys: true, maxAliasCount: 100 } as Parameters<
    typeof parseDocument
  >[1]);
  const [error] = document.errors;
  if (error) {
    const where = error.linePos?.[0];
    const [first] = error.message.split('\n');
    throw usageError(
      'plan_file_malformed',
      `${name}${where ? `:${where.line}:${where.col}` : ''} is neither YAML nor JSON: ${first?.replace(/ at line.*$/, '')}`,
      error,
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw usageError('plan_file_malformed', `${name} is not readable: ${(cause as Error).message}`, cause);
  }
  const checked = fileSchema.safeParse(value);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.slice(0, 5).map((issue) => `/${issue.path.join('/')}: ${issue.message}`);
  throw usageError('plan_file_invalid', `${name} is no plan: ${faults.join('; ')}`);
}

/** `--input k=v` over the file's defaults, each in its declared type. */
function inputValues(
  inputs: Readonly<Record<string, z.infer<typeof declared>>>,
  given: readonly string[],
  name: string,
): ReadonlyMap<string, Json> {
  const values = new Map<string, Json>();
  for (const [key, input] of Object.entries(inputs))
    if (input.default !== undefined) values.set(key, input.default as Json);
  for (const pair of given) {
    const at = pair.indexOf('=');
    const key = at < 0 ? pair : pair.slice(0, at);
    if (at < 1) throw usageError('input_invalid', `--input ${JSON.stringify(pair)}: expected name=value`);
    const input = inputs[key];
    if (input === undefined) {
      const known = Object.keys(inputs);
      throw usageError(
        'input_unknown',
        `${name} has no input ${key}; ${known.length > 0 ? `it has ${known.join(', ')}` : 'it has none'}`,
      );
    }
    values.set(key, typed(key, input.type, pair.slice(at + 1)));
  }
  const missing = Object.keys(inputs).filter((key) => !values.has(key));
  if (missing.length > 0)
    throw usageError('input_missing', `${name} needs ${missing.map((key) => `--input ${key}=…`).join(' ')}`);
  return values;
}

function typed(key: string, type: InputType, value: string): Json {
  if (type === 'string') return value;
  if (type === 'number' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  if (type === 'json')
    try {
      return JSON.parse(value) as Json;
    } catch {
      // Told below, with what was found.
    }
  throw usageError('input_invalid', `--input ${key}: expected a ${type}, found ${JSON.stringify(value.slice(0, 80))}`);
}

const reference = /\$\$\{|\$\{inputs\.([^}]*)\}/g;
const whole = /^\$\{inputs\.([^}]*)\}$/;

function substitute(value: Json, values: ReadonlyMap<string, Json>, name: string, pointer: string): Json {
  if (typeof value === 'string') {
    const only = whole.exec(value);
    if (only) return lookUp(only[1] as string, values, name, pointer);
    return value.replace(reference, (match, key: string | undefined) =>
      match === '$${' ? '${' : text(lookUp(key as string, values, name, pointer)),
    );
  }
  if (Array.isArray(value))
    return value.map((item: Json, index) => substitute(item, values, name, `${pointer}/${index}`));
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value))
    if (item !== undefined) out[key] = substitute(item as Json, values, name, `${pointer}/${key}`);
  return out;
}

function lookUp(key: string, values: ReadonlyMap<string, Json>, name: string, pointer: string): Json {
  const value = values.get(key);
  if (value === undefined)
    throw usageError('input_unknown', `${name} at ${pointer || '/'}: \${inputs.${key}} is not declared under inputs`);
  return value;
}

const text = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

function short(value: string | number | boolean): z.infer<typeof declared> {
  return { type: typeof value as 'string' | 'number' | 'boolean', default: value };
}
