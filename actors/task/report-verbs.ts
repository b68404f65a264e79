import { accept, repeat } from '../../kernel/behavior.ts';
import {
  artifactsMax,
  errorMessageMax,
  goalResultsBytesMax,
  jsonDepthMax,
  progressIntervalMs,
  resultBytesMax,
} from '../bounds.ts';
import type { Fields, Verb } from '../command.ts';
import type { GoalState } from '../goal/state.ts';
import { isJson, jsonBytes } from '../json.ts';
import { failed } from './attempt-end.ts';
import type { TaskError, TaskEvent } from './events.ts';
import { fenced, hasEnded, isHeld } from './fence.ts';
import { artifactsOf, errorOf, messagesOf, spawnedOf } from './report.ts';
import type { TaskState } from './state.ts';

/** What the holder of an attempt says of it. */
export const reportVerbs = {
  progress(state, body, { now }) {
    if (!isHeld(state, body)) return fenced(state, body);
    if (now - state.progressedAt < progressIntervalMs * 1000) return accept<TaskEvent>([]);
    const { fraction, note } = body;
    const data = {
      attempt: state.attempt,
      ...(typeof fraction === 'number' && Number.isFinite(fraction)
        ? { fraction: Math.min(1, Math.max(0, fraction)) }
        : null),
      ...(typeof note === 'string' ? { note: note.slice(0, errorMessageMax) } : null),
    };
    return accept<TaskEvent>([{ type: 'TaskProgressed', data }]);
  },

  complete(state, body, context) {
    if (hasEnded(state, body) && state.status === 'completed') return repeat();
    if (!isHeld(state, body)) return fenced(state, body);
    const artifacts = artifactsOf(body['artifacts']);
    const goal = context.head as GoalState;
    const messages = messagesOf(body['messages']);
    const spawned = spawnedOf(body['spawned'], context.self, goal.agentId);
    if (messages.error || spawned.error) {
      const error = (messages.error ?? spawned.error) as TaskError;
      return failed(state, { ...error, retryable: false }, context, artifacts);
    }
    const unfit = faultOf(body, goal, artifacts !== undefined);
    if (unfit) return failed(state, { ...unfit, retryable: false }, context, artifacts);
    const { result } = body;
    const data = {
      attempt: state.attempt,
      ...(result === undefined ? null : { result }),
      ...(artifacts === undefined || artifacts.length === 0 ? null : { artifacts }),
      ...(messages.all.length === 0 ? null : { messages: messages.all }),
      ...(spawned.all.length === 0 ? null : { spawned: spawned.all }),
    };
    return accept<TaskEvent>([{ type: 'TaskCompleted', data }]);
  },

  fail(state, body, context) {
    if (hasEnded(state, body) && state.status !== 'completed') return repeat();
    if (!isHeld(state, body)) return fenced(state, body);
    return failed(state, errorOf(body['error']), context, artifactsOf(body['artifacts']));
  },
} satisfies Record<string, Verb<TaskState, TaskEvent>>;

/** Why a result cannot be taken: another attempt would bring the same. */
function faultOf({ result }: Fields, goal: GoalState, areArtifacts: boolean): TaskError | undefined {
  if (!areArtifacts)
    return {
      code: 'artifacts_invalid',
      message: `expected at most ${artifactsMax} artifacts { sha256, size, mediaType, name }`,
    };
  if (result === undefined) return undefined;
  if (!isJson(result))
    return {
      code: 'result_invalid',
      message: `expected JSON of well-formed text and finite numbers, at most ${jsonDepthMax} levels deep`,
    };
  const bytes = jsonBytes(result);
  if (bytes > resultBytesMax)
    return {
      code: 'result_too_large',
      message: `expected a result of at most ${resultBytesMax} bytes of JSON, found ${bytes}: write larger output as an artifact`,
    };
  if (goal.resultBytes + bytes > goalResultsBytesMax)
    return {
      code: 'goal_results_too_large',
      message: `expected at most ${goalResultsBytesMax} bytes of results in one goal: write larger output as artifacts`,
    };
  return undefined;
}
