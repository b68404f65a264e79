/** What an attempt may use beside time (docs/domain.md, "Goal": a plan's `limits`). Absent: the driver's default. */
export interface TaskLimits {
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly pids?: number;
  readonly diskBytes?: number;
  readonly outputBytes?: number;
  readonly network?: NetworkMode;
}

export type NetworkMode = 'none' | 'allowlist' | 'full';

/**
 * How limits are held on this machine: for each one, by what. A limit that is not named cannot be enforced here, and a
 * task that sets it is refused before its claim. Time is enforced everywhere.
 */
export interface Enforcement {
  readonly memoryBytes?: string;
  readonly cpus?: string;
  readonly pids?: string;
  readonly diskBytes?: string;
  readonly outputBytes?: string;
  readonly network?: Partial<Readonly<Record<NetworkMode, string>>>;
}

const amounts = ['memoryBytes', 'cpus', 'pids', 'diskBytes', 'outputBytes'] as const;

/** The limits of a task that cannot be enforced, as `memoryBytes` or `network=none`; empty when all can. */
export function unenforceable(limits: TaskLimits, by: Enforcement): readonly string[] {
  const out: string[] = [];
  for (const name of amounts) if (limits[name] !== undefined && by[name] === undefined) out.push(name);
  const { network } = limits;
  if (network !== undefined && by.network?.[network] === undefined) out.push(`network=${network}`);
  return out;
}
