import { describe, expect, it } from 'vitest';
import { AstraError, type ErrorKind } from '../kernel/errors.ts';
import { problemDocument, statusOf } from './problems.ts';

const kinds: Readonly<Record<ErrorKind, readonly [status: number, code: string]>> = {
  rejected: [422, 'something'],
  conflict: [409, 'something'],
  duplicate: [409, 'something'],
  fenced: [409, 'something'],
  cancelled: [409, 'something'],
  overloaded: [503, 'overloaded'],
  unavailable: [503, 'unavailable'],
  indeterminate: [504, 'outcome_unknown'],
  contained: [500, 'internal'],
  corrupt: [500, 'internal'],
};

describe('an operating error', () => {
  it.each(Object.entries(kinds))('that is %s has one status and one code in HTTP', (kind, [status, code]) => {
    const document = problemDocument(new AstraError(kind as ErrorKind, 'something', 'because'), 'r1');
    expect(document).toMatchObject({ status, code, type: `urn:astra:problem:${code}`, requestId: 'r1' });
    expect(document.detail).toBe(status === 500 ? 'a defect of Astra; its log has it under request r1' : 'because');
  });

  it.each([
    ['rejected', 'malformed_json', 400],
    ['rejected', 'malformed_header', 400],
    ['rejected', 'unauthenticated', 401],
    ['rejected', 'forbidden', 403],
    ['rejected', 'not_found', 404],
    ['rejected', 'method_not_allowed', 405],
    ['conflict', 'agent_name_taken', 409],
    ['conflict', 'invalid_transition', 409],
    ['fenced', 'attempt_fenced', 409],
    ['rejected', 'body_too_large', 413],
    ['rejected', 'plan_too_large', 413],
    ['rejected', 'message_too_large', 413],
    ['rejected', 'unsupported_media_type', 415],
    ['rejected', 'range_not_satisfiable', 416],
    ['rejected', 'invalid_input', 422],
    ['rejected', 'plan_invalid', 422],
    ['rejected', 'dependency_unknown', 422],
    ['rejected', 'planner_not_configured', 422],
    ['rejected', 'idempotency_key_reused', 422],
    ['overloaded', 'rate_limited', 429],
    ['overloaded', 'concurrent_goals_cap', 429],
    ['overloaded', 'mailbox_full', 429],
    ['unavailable', 'not_ready', 503],
    ['unavailable', 'position_timeout', 504],
    ['indeterminate', 'outcome_unknown', 504],
  ] as const)('%s / %s is %i, under its own code', (kind, code, status) => {
    expect(statusOf({ kind, code })).toBe(status);
    expect(problemDocument(new AstraError(kind, code, 'because'), 'r1')).toMatchObject({ status, code });
  });

  it('says what is wrong with an input, and when to come back', () => {
    const errors = [{ pointer: '/name', message: 'expected a name' }];
    expect(problemDocument(new AstraError('rejected', 'invalid_input', 'no', { errors }), 'r1')).toEqual({
      type: 'urn:astra:problem:invalid_input',
      title: 'Invalid input',
      status: 422,
      detail: 'no',
      code: 'invalid_input',
      errors,
      requestId: 'r1',
    });
    const busy = new AstraError('overloaded', 'mailbox_full', 'full', { retryAfterMs: 70 });
    expect(problemDocument(busy, 'r1').retryAfterMs).toBe(70);
    expect(problemDocument(new AstraError('unavailable', 'x', 'down'), 'r1').retryAfterMs).toBeGreaterThan(0);
  });

  it('names no part of ours that callers do not know', () => {
    const document = problemDocument(new AstraError('unavailable', 'postgres_unavailable', 'no answer'), 'r1');
    expect(JSON.stringify(document)).not.toContain('postgres');
  });
});

describe('a defect', () => {
  it.each([
    ['thrown as it is', new Error('select secret from t')],
    ['that is no error at all', 'select secret from t'],
    ['of a behavior', new AstraError('contained', 'behavior_threw', 'select secret from t')],
    [
      'in what is stored',
      new AstraError('corrupt', 'hash_mismatch', 'secret at 1:7', {
        errors: [{ pointer: '/secret', message: 'secret' }],
        cause: new Error('secret'),
      }),
    ],
  ])('%s tells a caller nothing but where the log has it', (_what, error) => {
    expect(problemDocument(error, 'r1')).toEqual({
      type: 'urn:astra:problem:internal',
      title: 'Internal Server Error',
      status: 500,
      detail: 'a defect of Astra; its log has it under request r1',
      code: 'internal',
      requestId: 'r1',
    });
  });
});
