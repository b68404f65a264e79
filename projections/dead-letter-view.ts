import type { DeadLetterOrigin } from '../actors/dead-letter/events.ts';
import type { TaskError } from '../actors/task/events.ts';
import type { Json } from '../kernel/envelope.ts';
import type { Problem } from '../kernel/errors.ts';

/** A dead letter as `GET /v1/dead-letters` shows it: a task without attempts left, or a command that could not be processed. */
export type DeadLetterView = DeadTaskView | ParkedCommandView;

interface DeadLetterBase {
  readonly id: string;
  /** Attempts or tries that it took. */
  readonly count: number;
  readonly createdAt: string;
  readonly position: string;
}

export interface DeadTaskView extends DeadLetterBase {
  readonly kind: 'task';
  readonly goalId: string;
  readonly agentId: string;
  readonly type: string;
  readonly pool: string;
  readonly run: number;
  readonly error: TaskError;
  readonly payload: Json;
}

export interface ParkedCommandView extends DeadLetterBase {
  readonly kind: 'command' | 'publication';
  readonly origin: DeadLetterOrigin;
  readonly error: Problem;
  /** The command's body, or what was published. */
  readonly payload: Json;
}

export interface DeadLetterFilter {
  readonly kind?: DeadLetterView['kind'] | undefined;
  readonly goalId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly type?: string | undefined;
  /** Of the error. */
  readonly code?: string | undefined;
}
