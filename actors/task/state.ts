import { type Micros, micros } from '../../kernel/brand.ts';
import type { PlannedTask } from '../goal/plan.ts';

/** What a task knows of itself. Whether it is created or pending, its goal knows. */
export interface TaskState {
  readonly planned: PlannedTask;
  readonly status: 'created' | 'queued' | 'running' | 'failed' | 'completed' | 'dead_letter' | 'cancelled';
  readonly run: number;
  /** The last attempt; 0 before the first. */
  readonly attempt: number;
  /** Attempts of earlier runs: they do not count against `maxAttempts`. */
  readonly attemptsBefore: number;
  /** How often the attempt was offered. */
  readonly offer: number;
  readonly readyAt: Micros;
  /** When it entered its state. */
  readonly since: Micros;
  /** When a failed one is ready again. */
  readonly retryAt: Micros;
  /** Who claimed the last attempt; empty before. */
  readonly worker: string;
  readonly incarnation: string;
  readonly progressedAt: number;
  /** Workers that cannot run the attempt. */
  readonly refusedBy: readonly string[];
}

export const bornTask = (planned: PlannedTask, at: Micros, run: number): TaskState => ({
  planned,
  status: 'created',
  run,
  attempt: 0,
  attemptsBefore: 0,
  offer: 0,
  readyAt: micros(0),
  since: at,
  retryAt: micros(0),
  worker: '',
  incarnation: '',
  progressedAt: 0,
  refusedBy: [],
});

export const isEnded = ({ status }: Pick<TaskState, 'status'>): boolean =>
  status === 'completed' || status === 'dead_letter' || status === 'cancelled';
