import pg from 'pg';
import { AstraError, type ErrorKind } from '../errors.ts';

/** Postgres's own complaint, as `pg` throws it, has a SQLSTATE; a failure of the connection has none. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError && typeof error.code === 'string' ? error.code : undefined;

/** Two transactions were in each other's way and this one was given up: nothing was written, and again is worth it. */
export const isConflict = (error: unknown): boolean => /^40/.test(sqlState(error) ?? '');

/** A row that no partition takes: they are made ahead of need, so somebody dropped it. */
export const isMissingPartition = (error: unknown): boolean =>
  sqlState(error) === '23514' && (error as pg.DatabaseError).constraint === undefined;

/** The connection ends, or is about to: what it was doing may or may not have happened. */
export const isLost = (error: unknown): boolean => {
  const state = sqlState(error);
  return state === undefined || /^(08|57P)/.test(state);
};

const byClass: readonly (readonly [RegExp, ErrorKind, string, string])[] = [
  [/^(22|23|54)/, 'rejected', 'data_refused', 'Postgres refuses the data'],
  [
    /^(28|3D000)/,
    'unavailable',
    'postgres_refused',
    'Postgres refuses the connection: check user, password and database of DATABASE_URL',
  ],
  [/^25006/, 'unavailable', 'postgres_unavailable', 'Postgres is read-only: DATABASE_URL has to name the primary'],
  [/^(53|58)/, 'unavailable', 'postgres_unavailable', 'Postgres is out of a resource (disk, memory, connections)'],
  [/^(40|55|57|08|25)/, 'unavailable', 'postgres_unavailable', 'Postgres does not take the statement now'],
];

/** A failure of Postgres as an operating error. Texts and values of statements stay in its cause. */
export function postgresError(error: unknown): AstraError {
  if (error instanceof AstraError) return error;
  const state = sqlState(error);
  if (state === undefined)
    return new AstraError('unavailable', 'postgres_unavailable', `Postgres does not answer (${reason(error)})`, {
      cause: error,
    });
  for (const [pattern, kind, code, text] of byClass)
    if (pattern.test(state)) return new AstraError(kind, code, `${text} (SQLSTATE ${state})`, { cause: error });
  return new AstraError(
    'corrupt',
    'postgres_unexpected',
    `Postgres answers with SQLSTATE ${state}: are its tables those of this version?`,
    { cause: error },
  );
}

function reason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  return error instanceof Error ? (error.message.split('\n')[0] as string) : 'no reason given';
}
