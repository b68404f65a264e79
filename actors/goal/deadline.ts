import type { Problem } from '../../kernel/errors.ts';

/** What is wrong with the deadline of a goal. */
export const deadlineProblem = (fault: string): Problem => ({
  kind: 'rejected',
  code: 'invalid_input',
  detail: `/deadline: ${fault}`,
  errors: [{ pointer: '/deadline', message: fault }],
});

export const deadlineIsPast = deadlineProblem('expected a time that is still to come');
