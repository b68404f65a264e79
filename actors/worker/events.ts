/** Facts of a worker (docs/domain.md, "Worker"). Heartbeats are not facts; transitions are. */
export type WorkerEvent =
  | { readonly type: 'WorkerRegistered'; readonly data: WorkerProfile }
  | { readonly type: 'WorkerDraining'; readonly data: { readonly reason?: string } }
  | { readonly type: 'WorkerLost'; readonly data: { readonly incarnation: string; readonly reason: string } }
  | { readonly type: 'WorkerReturned'; readonly data: { readonly incarnation: string } }
  | { readonly type: 'WorkerStopped'; readonly data: { readonly incarnation: string; readonly reason?: string } };

export interface WorkerProfile {
  readonly pools: readonly string[];
  readonly slots: number;
  /** Task types it can run. */
  readonly types: readonly string[];
  readonly drivers: readonly string[];
  readonly host: string;
  readonly version: string;
  /** One life of a worker process; a new one ends what the old one held. */
  readonly incarnation: string;
}

export type WorkerStatus = 'registered' | 'active' | 'draining' | 'gone' | 'lost';
