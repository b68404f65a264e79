import type { WorkerStatus } from '../actors/worker/events.ts';

/** A worker as `GET /v1/workers/{id}` shows it. */
export interface WorkerView {
  readonly id: string;
  readonly status: WorkerStatus;
  readonly pools: readonly string[];
  readonly slots: number;
  readonly types: readonly string[];
  readonly drivers: readonly string[];
  readonly host: string;
  readonly version: string;
  readonly incarnation: string;
  /** Tasks it holds now. */
  readonly running: number;
  readonly reason?: string;
  readonly registeredAt: string;
  /** Of its last change of state. */
  readonly updatedAt: string;
  readonly position: string;
}

export interface WorkerFilter {
  readonly status?: WorkerStatus | undefined;
  readonly pool?: string | undefined;
}
