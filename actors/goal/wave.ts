import type { Address } from '../../kernel/address.ts';
import { type Effect, send } from '../../kernel/behavior.ts';
import { waveMax } from '../bounds.ts';
import type { TaskEvent } from '../task/events.ts';
import { downstream, isTerminal, type Node } from './graph.ts';
import { planningTask } from './planning-task.ts';
import type { GoalState } from './state.ts';

/**
 * Tasks that are told something one part after the other: the next part follows when the last one has done it. So a goal of ten
 * thousand tasks holds its shard for no longer than one of ten, and no event carries more than a part's messages.
 */
export interface Wave {
  readonly verb: 'cancel' | 'reopen';
  readonly keys: readonly string[];
  /** How many were told. */
  sent: number;
  /** How many have done it. */
  done: number;
  /** Cancelled: why, for what does not depend on the culprit. */
  readonly code: string;
  readonly culprit: string | undefined;
  /** What depends on the culprit. */
  readonly downstream: ReadonlySet<string>;
  /** The run that it is of. */
  readonly run: number;
}

const none: ReadonlySet<string> = new Set();

const wave = (
  keys: readonly string[],
  about: Pick<Wave, 'verb' | 'code' | 'culprit' | 'downstream' | 'run'>,
): Wave | undefined =>
  keys.length === 0 ? undefined : { keys, sent: Math.min(waveMax, keys.length), done: 0, ...about };

/** Cancels everything that is open. */
export function cancelWave(state: GoalState, id: string, code: string, culprit: string | undefined): Wave | undefined {
  const isOpen = (node: Node): boolean => !isTerminal(node.status);
  const keys = [...(state.graph?.nodes.values() ?? [])].filter(isOpen).map(({ task }) => task.key);
  if (state.planning && isOpen(state.planning)) keys.push(planningTask.key);
  const key = culprit?.startsWith(`${id}.`) ? culprit.slice(id.length + 1) : undefined;
  return wave(keys, {
    verb: 'cancel',
    code,
    culprit,
    downstream: state.graph && key !== undefined ? downstream(state.graph, key) : none,
    run: state.run,
  });
}

/** Reopens these, for a run. */
export const reopenWave = (keys: readonly string[], run: number): Wave | undefined =>
  wave(keys, { verb: 'reopen', code: '', culprit: undefined, downstream: none, run });

/** A task did what it was told. Returns where the next part begins, when this was the last of one. */
export function advance(of: Wave, event: TaskEvent['type'], node: Node): number | undefined {
  const isDone = of.verb === 'reopen' ? event === 'TaskReopened' : isEnd.has(event) && isTerminal(node.status);
  if (!isDone || ++of.done < of.sent || of.sent === of.keys.length) return undefined;
  const from = of.sent;
  of.sent = Math.min(of.keys.length, from + waveMax);
  return from;
}

const isEnd: ReadonlySet<TaskEvent['type']> = new Set(['TaskCompleted', 'TaskDeadLettered', 'TaskCancelled']);

/** Whether all were told and have done it. */
export const isOver = (of: Wave | undefined): boolean => of === undefined || of.done >= of.keys.length;

/** The messages of the part that begins here. */
export const messagesOf = (of: Wave, self: Address, from: number): readonly Effect[] =>
  of.keys.slice(from, of.sent).map((key) => {
    const to: Address = { org: self.org, type: 'task', id: `${self.id}.${key}` };
    if (of.verb === 'reopen') return send(to, 'reopen', { run: of.run });
    return send(to, 'cancel', {
      code: of.downstream.has(key) ? 'dependency_failed' : of.code,
      run: of.run,
      ...(of.culprit === undefined ? null : { culprit: of.culprit }),
    });
  });
