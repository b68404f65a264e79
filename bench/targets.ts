/** What a figure has to be (`must`) and should be (`goal`), and whether more of it is better or less. */
export interface Target {
  /** As in the result's `metrics`, with dots: `schedulingMs.p95`. */
  readonly metric: string;
  readonly better: 'more' | 'less';
  readonly must?: number;
  readonly goal?: number;
}

/** By the name that a result is saved under. On one machine with two cores, everything on it. */
export const targets: Readonly<Record<string, readonly Target[]>> = {
  append: [
    { metric: 'eventsPerSecond', better: 'more', must: 25_000, goal: 45_000 },
    { metric: 'ofFloor', better: 'more', goal: 0.9 },
  ],
  'tasks-max': [{ metric: 'tasksPerSecond', better: 'more', must: 2500, goal: 5787 }],
  'tasks-rate': [
    { metric: 'schedulingMs.p50', better: 'less', must: 50, goal: 5 },
    { metric: 'schedulingMs.p95', better: 'less', must: 500, goal: 15 },
    { metric: 'schedulingMs.p99', better: 'less', goal: 50 },
    { metric: 'cpuShare', better: 'less', goal: 0.5 },
  ],
  recover: [
    { metric: 'lost', better: 'less', must: 0 },
    { metric: 'doubled', better: 'less', must: 0 },
    { metric: 'takeoverMs.max', better: 'less', must: 5000, goal: 3000 },
    { metric: 'workerLossMs.max', better: 'less', must: 30_000, goal: 10_000 },
  ],
  timers: [
    { metric: 'costMiB', better: 'less', must: 286 },
    { metric: 'lateMs.p999', better: 'less', must: 20 },
  ],
};
