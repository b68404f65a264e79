import { type Shard, shard } from '../kernel/brand.ts';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import type { TaskLimits } from './limits.ts';

/** One attempt as WORK carries it (docs/nats.md, "Working"). */
export interface WorkItem {
  readonly shard: Shard;
  readonly taskId: string;
  readonly attempt: number;
  readonly offer: number;
  readonly type: string;
  readonly input: Json;
  readonly timeoutMs: number;
  readonly limits: TaskLimits;
  readonly agentId: string;
  readonly profileVersion: number;
  readonly traceparent?: string;
  readonly idempotencyKey: string;
}

/** One attempt, by one text. */
export const attemptKey = (taskId: string, attempt: number): string => `${taskId}:${attempt}`;

const decoder = new TextDecoder();

/** Reads a message of WORK. Throws `rejected` / `work_malformed`. */
export function parseWork(payload: Uint8Array): readonly WorkItem[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decoder.decode(payload));
  } catch (cause) {
    throw new AstraError('rejected', 'work_malformed', 'Expected a JSON array of attempts; this is no JSON.', {
      cause,
    });
  }
  if (!Array.isArray(parsed))
    throw new AstraError('rejected', 'work_malformed', 'Expected a JSON array of attempts; found something else.');
  return parsed.map(item);
}

function item(value: unknown, index: number): WorkItem {
  const found = value as Partial<WorkItem> | null;
  if (
    typeof found !== 'object' ||
    found === null ||
    !isCount(found.shard) ||
    typeof found.taskId !== 'string' ||
    !isCount(found.attempt) ||
    typeof found.type !== 'string' ||
    !isCount(found.timeoutMs) ||
    (found.limits !== undefined && (typeof found.limits !== 'object' || found.limits === null))
  )
    throw new AstraError(
      'rejected',
      'work_malformed',
      `Entry ${index} lacks a usable shard, taskId, attempt, type, timeoutMs or limits.`,
    );
  return {
    shard: shard(found.shard),
    taskId: found.taskId,
    attempt: found.attempt,
    offer: found.offer ?? 1,
    type: found.type,
    input: found.input ?? null,
    timeoutMs: found.timeoutMs,
    limits: found.limits ?? {},
    agentId: found.agentId ?? '',
    profileVersion: found.profileVersion ?? 0,
    ...(found.traceparent ? { traceparent: found.traceparent } : {}),
    idempotencyKey: found.idempotencyKey ?? found.taskId,
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
