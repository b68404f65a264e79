import {
  accept,
  type Behavior,
  type DecideContext,
  type Decision,
  refuse,
  repeat,
  type Stamped,
  type Work,
} from '../../kernel/behavior.ts';
import { micros, plusMs } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import {
  artifactsMax,
  errorMessageMax,
  goalResultsBytesMax,
  progressIntervalMs,
  refusalsMax,
  reofferMs,
  resolvedInputBytesMax,
  resultBytesMax,
  timeoutMarginMs,
} from '../bounds.ts';
import { resolveInput } from '../goal/plan-check.ts';
import type { GoalState } from '../goal/state.ts';
import type { Artifact, TaskError, TaskEvent } from './events.ts';
import type { TaskState } from './state.ts';

/**
 * A task (domain.md, "Task"). Created and pending are its goal's to know; from `offer` on the task decides itself:
 *
 *   created · pending ──offer──▶ queued ──claim──▶ running ──complete──▶ completed
 *       ▲         ▲                │ decline: queued again     │ fail, lost, timeout
 *       │         └── retry at ── failed ◀─────────────────────┤ attempts left
 *   reopen (by a redrive)          dead_letter ◀───────────────┘ none left, or not retryable
 *                                     │ redrive: pending          any open state ──cancel──▶ cancelled
 *
 * Each attempt is fenced by its number: whoever speaks of another one is refused (`attempt_fenced`).
 */
export const task: Behavior<TaskState, TaskEvent> = {
  type: 'task',
  ids: { prefix: 'gl', placedAs: 'goal' },
  version: 1,
  events: {
    TaskQueued: 1,
    TaskStarted: 1,
    TaskProgressed: 1,
    TaskCompleted: 1,
    TaskAttemptFailed: 1,
    TaskAttemptLost: 1,
    TaskDeadLettered: 1,
    TaskCancelled: 1,
    TaskRedriven: 1,
    TaskReopened: 1,
    TaskSignalled: 1,
  },
  decide(state, verb, body, context) {
    if (!state) return refuse('rejected', 'not_found', `there is no task ${context.self.id}`);
    const decide = verbs[verb];
    return decide ? decide(state, (body ?? {}) as Fields, context) : unknownVerb(verb);
  },
  evolve,
  react: (_state, event) =>
    event.type === 'TaskSignalled'
      ? [{ kind: 'signal', name: event.data.name, payload: event.data.payload ?? null }]
      : [],
  timers(state, head) {
    const goal = head as GoalState;
    if (state.status === 'queued' && isOpen(goal, state))
      return [{ name: 'offer', at: plusMs(state.since, reofferMs), generation: state.offer }];
    if (state.status === 'running')
      return [
        {
          name: 'timeout',
          at: plusMs(state.since, state.planned.timeoutMs + timeoutMarginMs),
          generation: state.attempt,
        },
      ];
    return [];
  },
  work,
  attempt(state, self, head) {
    const goal = head as GoalState;
    return {
      taskId: self.id,
      attempt: state.attempt,
      offer: state.offer,
      type: state.planned.type,
      input: resolvedInput(state, goal),
      timeoutMs: state.planned.timeoutMs,
      limits: state.planned.limits as Json,
      agentId: goal.agentId,
      profileVersion: goal.agent.profileVersion,
      idempotencyKey: `${self.id}:${state.run}`,
    };
  },
  idle: ({ status }) => status === 'completed' || status === 'dead_letter' || status === 'cancelled',
  subject: (_state, head) => (head as GoalState).subject,
  personal: {
    TaskProgressed: ['note'],
    TaskCompleted: ['result', 'artifacts'],
    TaskAttemptFailed: ['error', 'artifacts'],
    TaskDeadLettered: ['error'],
    TaskCancelled: ['reason'],
    TaskSignalled: ['payload'],
  },
};

type Fields = { readonly [key: string]: Json | undefined };
type Verb = (state: TaskState, body: Fields, context: DecideContext) => Decision<TaskEvent>;

const unknownVerb = (verb: string): Decision<never> =>
  refuse('rejected', 'invalid_input', `a task does not know the command ${verb}`);

/** Whether the goal lets this task go on now. */
const isOpen = (goal: GoalState, state: TaskState): boolean =>
  goal.status === 'active' ||
  (goal.status === 'planning' && state.planned.type === 'plan' && state.planned.key === '_plan');

function work(state: TaskState, head?: unknown): Work | undefined {
  const goal = head as GoalState;
  const { planned } = state;
  const route = { pool: planned.pool, type: planned.type };
  if (state.status === 'running')
    return { phase: 'held', route, attempt: state.attempt, worker: state.worker, incarnation: state.incarnation };
  if (!isOpen(goal, state)) return undefined;
  if (state.status === 'queued')
    return {
      phase: 'offered',
      route,
      priority: planned.priority,
      since: state.readyAt,
      attempt: state.attempt,
      offer: state.offer,
    };
  if (state.status === 'failed') return { phase: 'ready', route, priority: planned.priority, since: state.retryAt };
  if (state.status !== 'created') return undefined;
  const node = planned.key === '_plan' ? goal.planning : goal.graph?.nodes.get(planned.key);
  return node?.status === 'pending'
    ? { phase: 'ready', route, priority: planned.priority, since: micros(node.readyAt) }
    : undefined;
}

const resolvedInput = (state: TaskState, goal: GoalState): Json =>
  resolveInput(state.planned.input, (key) => goal.graph?.nodes.get(key)?.result);

function evolve(was: TaskState | undefined, event: Stamped<TaskEvent>): TaskState {
  const state = was as TaskState;
  const { at } = event;
  switch (event.type) {
    case 'TaskQueued':
      return {
        ...state,
        status: 'queued',
        attempt: event.data.attempt,
        offer: event.data.offer,
        readyAt: micros(event.data.readyAt),
        since: at,
        refusedBy: event.data.offer === 1 ? [] : state.refusedBy,
      };
    case 'TaskStarted':
      return {
        ...state,
        status: 'running',
        worker: event.data.worker,
        incarnation: event.data.incarnation,
        since: at,
        progressedAt: 0,
      };
    case 'TaskProgressed':
      return { ...state, progressedAt: at };
    case 'TaskCompleted':
      return { ...state, status: 'completed', endedBy: state.worker };
    case 'TaskAttemptFailed':
    case 'TaskAttemptLost':
      return { ...state, status: 'failed', retryAt: micros(event.data.retryAt ?? at), endedBy: state.worker };
    case 'TaskDeadLettered':
      return { ...state, status: 'dead_letter' };
    case 'TaskCancelled':
      return { ...state, status: 'cancelled' };
    case 'TaskRedriven':
      return { ...state, status: 'created', run: event.data.run, attemptsBefore: state.attempt };
    case 'TaskReopened':
      return { ...state, status: 'created', run: event.data.run, attemptsBefore: state.attempt };
    case 'TaskSignalled':
      return state;
  }
}

const fenced = (state: TaskState, attempt: unknown): Decision<never> =>
  refuse(
    'conflict',
    'attempt_fenced',
    `expected ${state.attempt === 0 ? 'no attempt yet' : `attempt ${state.attempt}`} of a ${state.status} task, found attempt ${String(attempt)}`,
  );

/** Whether this attempt runs, and its holder speaks. */
const isHeld = (state: TaskState, { attempt, worker, incarnation }: Fields): boolean =>
  state.status === 'running' &&
  state.attempt === attempt &&
  state.worker === worker &&
  state.incarnation === incarnation;

/** Whether its holder repeats what has ended the attempt already. */
const hasEnded = (state: TaskState, body: Fields): boolean =>
  state.status !== 'running' &&
  state.attempt === body['attempt'] &&
  state.endedBy === body['worker'] &&
  state.endedBy !== '';

const verbs: Readonly<Record<string, Verb>> = {
  /** The dispatcher's: it is this task's turn. */
  offer(state, _body, { self, now, head }) {
    const goal = head as GoalState;
    const wanted = work(state, head);
    if (wanted?.phase !== 'ready' || wanted.since > now) return accept<TaskEvent>([]);
    const attempt = state.attempt + 1;
    const queued: TaskEvent = {
      type: 'TaskQueued',
      data: { attempt, offer: 1, run: state.run, readyAt: wanted.since },
    };
    const bytes = Buffer.byteLength(JSON.stringify(resolvedInput(state, goal)));
    if (bytes <= resolvedInputBytesMax) return accept([queued]);
    const error: TaskError = {
      code: 'input_too_large',
      message: `expected at most ${resolvedInputBytesMax} bytes of input with the results of upstream tasks, found ${bytes}`,
      retryable: false,
    };
    return accept<TaskEvent>([{ type: 'TaskDeadLettered', data: { attempt: state.attempt, run: state.run, error } }], {
      task: self.id,
    });
  },
  claim(state, body, { head }) {
    const { attempt, worker, incarnation } = body;
    if (isHeld(state, body)) return repeat();
    if (state.status !== 'queued' || state.attempt !== attempt) return fenced(state, attempt);
    if (!isOpen(head as GoalState, state))
      return refuse(
        'conflict',
        'goal_paused',
        `its goal is ${(head as GoalState).status}: the attempt is offered again when it goes on`,
      );
    if (typeof worker !== 'string' || typeof incarnation !== 'string')
      return refuse('rejected', 'invalid_input', 'expected { attempt, worker, incarnation }');
    return accept<TaskEvent>([{ type: 'TaskStarted', data: { attempt: state.attempt, worker, incarnation } }]);
  },
  decline(state, body, context) {
    // Its holder lets it go: it stops, or can no longer own it.
    if (isHeld(state, body)) return lostAttempt(state, textOf(body['reason'], 'declined'), context);
    if (state.status !== 'queued' || state.attempt !== body['attempt']) return accept<TaskEvent>([]);
    return offerAgain(state, context);
  },
  refuse(state, body, context) {
    const { attempt, worker, reason, code } = body;
    if (state.attempt !== attempt || (state.status !== 'queued' && !isHeld(state, body))) return fenced(state, attempt);
    if (typeof worker !== 'string')
      return refuse('rejected', 'invalid_input', 'expected { attempt, worker, code, reason }');
    const error: TaskError = {
      code: textOf(code, 'refused'),
      message: textOf(reason, 'the worker cannot run this task'),
      retryable: false,
    };
    const others =
      (body['others'] as readonly string[] | undefined)?.filter(
        (other) => other !== worker && !state.refusedBy.includes(other),
      ) ?? [];
    // Somebody else may be able to: offered again. Otherwise another attempt cannot help.
    if (state.status === 'queued' && others.length > 0 && state.refusedBy.length < refusalsMax)
      return offerAgain(state, context);
    return accept<TaskEvent>([
      { type: 'TaskAttemptFailed', data: { attempt: state.attempt, error } },
      deadLetter(state, error),
    ]);
  },
  no_worker(state, { reason }) {
    if (state.status === 'running' || isEnded(state)) return accept<TaskEvent>([]);
    return accept<TaskEvent>([
      deadLetter(state, {
        code: 'no_worker',
        message: textOf(reason, 'no live worker can run this task'),
        retryable: false,
      }),
    ]);
  },
  progress(state, body, { now }) {
    if (!isHeld(state, body)) return fenced(state, body['attempt']);
    const { fraction, note } = body;
    if (now - state.progressedAt < progressIntervalMs * 1000) return accept<TaskEvent>([]);
    return accept<TaskEvent>([
      {
        type: 'TaskProgressed',
        data: {
          attempt: state.attempt,
          ...(typeof fraction === 'number' ? { fraction: Math.min(1, Math.max(0, fraction)) } : null),
          ...(typeof note === 'string' ? { note: note.slice(0, errorMessageMax) } : null),
        },
      },
    ]);
  },
  complete(state, body, context) {
    if (hasEnded(state, body)) return state.status === 'completed' ? repeat() : fenced(state, body['attempt']);
    if (!isHeld(state, body)) return fenced(state, body['attempt']);
    const artifacts = artifactsOf(body['artifacts']);
    if (!artifacts)
      return failed(
        state,
        {
          code: 'artifacts_invalid',
          message: `expected at most ${artifactsMax} artifacts { sha256, size, mediaType, name }`,
          retryable: false,
        },
        context,
        [],
      );
    const result = body['result'];
    const bytes = result === undefined ? 0 : Buffer.byteLength(JSON.stringify(result));
    if (bytes > resultBytesMax)
      return failed(
        state,
        {
          code: 'result_too_large',
          message: `expected a result of at most ${resultBytesMax} bytes of JSON, found ${bytes}: write larger output as an artifact`,
          retryable: false,
        },
        context,
        artifacts,
      );
    const goal = context.head as GoalState;
    if (goal.resultBytes + bytes > goalResultsBytesMax)
      return failed(
        state,
        {
          code: 'goal_results_too_large',
          message: `expected at most ${goalResultsBytesMax} bytes of results in one goal: write larger output as artifacts`,
          retryable: false,
        },
        context,
        artifacts,
      );
    return accept<TaskEvent>([
      {
        type: 'TaskCompleted',
        data: {
          attempt: state.attempt,
          ...(result === undefined ? null : { result }),
          ...(artifacts.length === 0 ? null : { artifacts }),
        },
      },
    ]);
  },
  fail(state, body, context) {
    if (hasEnded(state, body)) return state.status === 'completed' ? fenced(state, body['attempt']) : repeat();
    if (!isHeld(state, body)) return fenced(state, body['attempt']);
    return failed(state, errorOf(body['error']), context, artifactsOf(body['artifacts']) ?? []);
  },
  /** Liveness's: the attempt's worker is gone. */
  lost(state, body, context) {
    if (!isHeld(state, body)) return accept<TaskEvent>([]);
    return lostAttempt(state, textOf(body['reason'], 'worker_silent'), context);
  },
  timer(state, { name, generation }, context) {
    if (
      name === 'offer' &&
      state.status === 'queued' &&
      state.offer === generation &&
      isOpen(context.head as GoalState, state)
    )
      return offerAgain(state, context);
    if (name === 'timeout' && state.status === 'running' && state.attempt === generation)
      return failed(
        state,
        {
          code: 'timeout',
          message: `the attempt took longer than ${state.planned.timeoutMs} ms, and its worker did not end it`,
        },
        context,
        [],
      );
    return accept<TaskEvent>([]);
  },
  cancel(state, { code, reason, culprit }) {
    if (isEnded(state))
      return code === undefined
        ? refuse('conflict', 'invalid_transition', `expected an open task, found a ${state.status} one`)
        : accept<TaskEvent>([]);
    return accept<TaskEvent>([
      {
        type: 'TaskCancelled',
        data: {
          code: textOf(code, 'cancelled'),
          ...(typeof reason === 'string' ? { reason } : null),
          ...(typeof culprit === 'string' ? { culprit } : null),
        },
      },
    ]);
  },
  redrive(state, _body, { head }) {
    const goal = head as GoalState;
    if (state.status !== 'dead_letter')
      return refuse('conflict', 'invalid_transition', `expected a dead letter, found a ${state.status} task`);
    if (goal.status !== 'failed' && goal.status !== 'completed')
      return refuse(
        'conflict',
        'invalid_transition',
        `expected a goal that has ended, found a ${goal.status} one: redrive when it has`,
      );
    if (state.planned.key === '_plan')
      return refuse('conflict', 'invalid_transition', 'a planning task is not redriven: submit the goal again');
    return accept<TaskEvent>([{ type: 'TaskRedriven', data: { run: goal.run + 1 } }]);
  },
  reopen(state, { run }) {
    if (state.status !== 'cancelled' || typeof run !== 'number') return accept<TaskEvent>([]);
    return accept<TaskEvent>([{ type: 'TaskReopened', data: { run } }]);
  },
  signal(state, { name, payload }) {
    if (state.status !== 'running')
      return refuse('conflict', 'invalid_transition', `expected a running task, found a ${state.status} one`);
    if (typeof name !== 'string') return refuse('rejected', 'invalid_input', 'expected { name, payload? }');
    return accept<TaskEvent>([
      { type: 'TaskSignalled', data: { name, ...(payload === undefined ? null : { payload }) } },
    ]);
  },
};

const isEnded = ({ status }: TaskState): boolean =>
  status === 'completed' || status === 'dead_letter' || status === 'cancelled';

const textOf = (value: Json | undefined, fallback: string): string =>
  typeof value === 'string' && value !== '' ? value.slice(0, errorMessageMax) : fallback;

const offerAgain = (state: TaskState, _context: DecideContext): Decision<TaskEvent> =>
  accept<TaskEvent>([
    {
      type: 'TaskQueued',
      data: { attempt: state.attempt, offer: state.offer + 1, run: state.run, readyAt: state.readyAt },
    },
  ]);

const deadLetter = (state: TaskState, error: TaskError): TaskEvent => ({
  type: 'TaskDeadLettered',
  data: { attempt: state.attempt, run: state.run, error },
});

const attemptsLeft = (state: TaskState): boolean => state.attempt - state.attemptsBefore < state.planned.maxAttempts;

/** A failed attempt: its retry, drawn once and recorded, or the end. Exponential, with full jitter over [minMs, the step]. */
function failed(
  state: TaskState,
  error: TaskError,
  { now, random }: DecideContext,
  artifacts: readonly Artifact[],
): Decision<TaskEvent> {
  const base = { attempt: state.attempt, error, ...(artifacts.length === 0 ? null : { artifacts }) };
  if (error.retryable === false || !attemptsLeft(state))
    return accept<TaskEvent>([{ type: 'TaskAttemptFailed', data: base }, deadLetter(state, error)]);
  const { minMs, maxMs } = state.planned.backoff;
  const step = Math.min(maxMs, minMs * 2 ** (state.attempt - state.attemptsBefore - 1));
  const waitMs = Math.round(minMs + random() * Math.max(0, step - minMs));
  return accept<TaskEvent>([{ type: 'TaskAttemptFailed', data: { ...base, retryAt: plusMs(now, waitMs) } }]);
}

/** A lost attempt counts as one; the next is ready at once, since nothing of the task's own doing failed. */
function lostAttempt(state: TaskState, reason: string, { now }: DecideContext): Decision<TaskEvent> {
  const base = { attempt: state.attempt, worker: state.worker, reason };
  if (attemptsLeft(state)) return accept<TaskEvent>([{ type: 'TaskAttemptLost', data: { ...base, retryAt: now } }]);
  return accept<TaskEvent>([
    { type: 'TaskAttemptLost', data: base },
    deadLetter(state, { code: 'attempt_lost', message: `the worker of the last attempt was lost (${reason})` }),
  ]);
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function errorOf(value: Json | undefined): TaskError {
  if (!isFields(value))
    return {
      code: 'failed',
      message: typeof value === 'string' ? value.slice(0, errorMessageMax) : 'the attempt failed without saying why',
    };
  const { code, message, retryable, details } = value;
  return {
    code: typeof code === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(code) ? code : 'failed',
    message: textOf(message, 'the attempt failed without saying why'),
    ...(typeof retryable === 'boolean' ? { retryable } : null),
    ...(details !== undefined && Buffer.byteLength(JSON.stringify(details)) <= errorMessageMax ? { details } : null),
  };
}

function artifactsOf(value: Json | undefined): readonly Artifact[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > artifactsMax) return undefined;
  const artifacts: Artifact[] = [];
  for (const one of value as readonly Json[]) {
    if (!isFields(one)) return undefined;
    const { sha256, size, mediaType, name } = one;
    if (
      typeof sha256 !== 'string' ||
      !/^[0-9a-f]{64}$/.test(sha256) ||
      typeof size !== 'number' ||
      typeof mediaType !== 'string' ||
      typeof name !== 'string'
    )
      return undefined;
    artifacts.push({ sha256, size, mediaType: mediaType.slice(0, 200), name: name.slice(0, 500) });
  }
  return artifacts;
}
