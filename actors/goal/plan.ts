import type { Json } from '../../kernel/envelope.ts';

/** A plan: a DAG of tasks (docs/domain.md, "Goal"), with every default filled in by the check. */
export interface Plan {
  readonly tasks: readonly PlannedTask[];
}

export interface PlannedTask {
  /** `[A-Za-z0-9-][A-Za-z0-9_-]{0,63}`, unique in the plan. */
  readonly key: string;
  readonly type: string;
  /** May hold `{ "$from": key, "pointer": "/…" }` anywhere (RFC 6901), for results of tasks upstream. */
  readonly input: Json;
  readonly dependsOn: readonly string[];
  readonly pool: string;
  /** 0 most urgent … 9 */
  readonly priority: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  readonly limits: TaskLimits;
  readonly onFailure: 'fail_goal' | 'continue';
}

/** What an attempt may use. A limit that a driver cannot enforce makes it refuse the task. Absent: the driver's default. */
export interface TaskLimits {
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly pids?: number;
  readonly diskBytes?: number;
  readonly outputBytes?: number;
  readonly network?: 'none' | 'allowlist' | 'full';
}
