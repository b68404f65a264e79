import type { Json } from '../../kernel/envelope.ts';
import { isPointer, pointed, token } from '../pointer.ts';

/** `{ "$from": key, "pointer"?: "/…" }`, anywhere in a task's input: of a result upstream (docs/domain.md, "Task"). */

type Fields = { readonly [key: string]: Json };

const isReference = (fields: Fields): boolean => Object.hasOwn(fields, '$from');

/** Visits every reference in an input; `at` is where it stands (RFC 6901). */
function eachReference(input: Json, at: string, visit: (reference: Fields, at: string) => void): void {
  if (input === null || typeof input !== 'object') return;
  if (Array.isArray(input)) {
    for (const [index, one] of input.entries()) eachReference(one as Json, `${at}/${index}`, visit);
    return;
  }
  const fields = input as Fields;
  if (isReference(fields)) visit(fields, at);
  else for (const [field, value] of Object.entries(fields)) eachReference(value, `${at}/${token(field)}`, visit);
}

/** The tasks that an input refers to, and where; what is wrong with a reference itself goes to `fault`. */
export function referencesOf(
  input: Json,
  fault: (pointer: string, message: string) => void,
): readonly { readonly key: string; readonly at: string }[] {
  const found: { key: string; at: string }[] = [];
  eachReference(input, '', ({ $from: key, pointer, ...rest }, at) => {
    for (const field of Object.keys(rest)) fault(`${at}/${token(field)}`, 'unknown field beside $from');
    if (pointer !== undefined && (typeof pointer !== 'string' || !isPointer(pointer)))
      fault(`${at}/pointer`, `expected a JSON pointer (RFC 6901), found ${JSON.stringify(pointer).slice(0, 100)}`);
    if (typeof key === 'string') found.push({ key, at });
    else fault(`${at}/$from`, 'expected the key of a task');
  });
  return found;
}

/** An input with its references replaced; a result that is not there (its task failed, `continue`) gives null. */
export function resolveInput(input: Json, resultOf: (key: string) => Json | undefined): Json {
  if (input === null || typeof input !== 'object') return input;
  if (Array.isArray(input)) return input.map((one) => resolveInput(one as Json, resultOf));
  const fields = input as Fields;
  if (isReference(fields)) return pointed(resultOf(fields['$from'] as string), (fields['pointer'] ?? '') as string);
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, resolveInput(value, resultOf)]));
}
