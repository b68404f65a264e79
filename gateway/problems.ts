import { STATUS_CODES } from 'node:http';
import { AstraError, type ErrorKind, type Fault, type Problem } from '../kernel/errors.ts';
import { retryAfterMs } from './bounds.ts';

/** The one total table of kinds: what an operating error is in HTTP, unless its code says otherwise. */
const statusOfKind = {
  rejected: 422,
  conflict: 409,
  duplicate: 409,
  fenced: 409,
  overloaded: 503,
  unavailable: 503,
  indeterminate: 504,
  cancelled: 409,
  contained: 500,
  corrupt: 500,
} as const satisfies Record<ErrorKind, number>;

/** Codes whose status is not that of their kind. */
const statusOfCode: Readonly<Record<string, number>> = {
  malformed_json: 400,
  malformed_header: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  plan_too_large: 413,
  message_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  rate_limited: 429,
  concurrent_goals_cap: 429,
  mailbox_full: 429,
  deadline_exceeded: 503,
  position_timeout: 504,
};

/** What callers see of errors whose code names a part of ours. */
const codeOfKind: Readonly<Partial<Record<ErrorKind, string>>> = {
  overloaded: 'overloaded',
  unavailable: 'unavailable',
  indeterminate: 'outcome_unknown',
  contained: 'internal',
  corrupt: 'internal',
};

/** Codes of those kinds that callers know. */
const ownCodes = new Set([...Object.keys(statusOfCode), 'actor_backing_off', 'actor_suspended', 'not_ready']);

/** A problem document (RFC 9457). */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Stable, snake_case. */
  readonly code: string;
  readonly errors?: readonly Fault[];
  readonly retryAfterMs?: number;
  /** Names this request in the gateway's log. */
  readonly requestId: string;
}

/** The HTTP status of an operating error. */
export const statusOf = ({ kind, code }: Pick<Problem, 'kind' | 'code'>): number =>
  statusOfCode[code] ?? statusOfKind[kind];

/** Any error as a problem document: nothing of a defect but the id under which the log has it. */
export function problemDocument(error: unknown, requestId: string): ProblemDocument {
  const known = error instanceof AstraError ? error : undefined;
  const status = known ? statusOf(known) : 500;
  const code = !known ? 'internal' : ownCodes.has(known.code) ? known.code : (codeOfKind[known.kind] ?? known.code);
  const retry = known?.retryAfterMs ?? (status === 503 || status === 429 ? retryAfterMs : undefined);
  return {
    type: `urn:astra:problem:${code}`,
    title: titleOf(code, status),
    status,
    detail: status === 500 || !known ? `a defect of Astra; its log has it under request ${requestId}` : known.message,
    code,
    ...(known?.errors && status !== 500 ? { errors: known.errors } : {}),
    ...(retry === undefined ? {} : { retryAfterMs: retry }),
    requestId,
  };
}

/** `agent_name_taken` → `Agent name taken`. */
function titleOf(code: string, status: number): string {
  if (code === 'internal') return STATUS_CODES[500] as string;
  const words = code.replaceAll('_', ' ');
  return words === '' ? (STATUS_CODES[status] ?? 'Error') : words[0]?.toUpperCase() + words.slice(1);
}

export const malformedHeader = (name: string, expected: string): AstraError =>
  new AstraError('rejected', 'malformed_header', `${name}: expected ${expected}`);

export const notFound = (what: string): AstraError => new AstraError('rejected', 'not_found', `there is no ${what}`);

/** Every fault of an input under one code. */
export function invalid(faults: readonly Fault[], where: string): AstraError {
  const first = faults.slice(0, 3).map(({ pointer, message }) => `${pointer || where}: ${message}`);
  return new AstraError('rejected', 'invalid_input', `${where} is not valid: ${first.join('; ')}`, { errors: faults });
}
