import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNats } from '../cli/embedded/index.ts';
import { migrate } from '../kernel/postgres/index.ts';
import type { BenchContext } from './harness.ts';
import { processCpuMs } from './process-cpu.ts';

const payloadBytesMax = 8 * 1024 * 1024;
/** For a role to end by itself. */
const endMs = 15_000;
const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

export type RoleName = 'kernel' | 'gateway' | 'worker';

/** A role in a process of its own. */
export interface RoleProcess {
  readonly role: RoleName;
  readonly pid: number;
  /** SIGKILL: nothing is said to anybody. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP, until {@link resume}. */
  pause(): void;
  resume(): void;
  /** SIGTERM, and SIGKILL when it does not end within {@link endMs}. */
  end(): Promise<void>;
}

export interface System {
  readonly databaseUrl: string;
  readonly natsUrl: string;
  /** Starts another process of a role; resolves when it says that it is ready, or at once with `wait: false`. */
  start(role: RoleName, options?: { readonly wait?: boolean }): Promise<RoleProcess>;
  /** CPU milliseconds used so far, by what uses them; all processes of a role together. */
  cpu(): Record<string, number>;
  /** Ends the roles; the servers go on. */
  stopRoles(): Promise<void>;
}

/** Postgres, NATS and the roles, each a process of its own, as a deployment has them. */
export async function startSystem(
  context: BenchContext,
  { slots, roles }: { readonly slots: number; readonly roles: readonly RoleName[] },
): Promise<System> {
  const postgres = await context.postgres();
  await migrate(postgres.url);
  const nats = await startNats({
    dataDir: join(context.directory('nats'), 'data'),
    users: 'anyone',
    maxPayloadBytes: payloadBytesMax,
  });
  context.defer(() => nats.stop());
  const data = context.directory('data');
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    NATS_URL: nats.url,
    ASTRA_DATA_DIR: data,
    ASTRA_SLOTS: String(slots),
    ASTRA_LOG_LEVEL: 'warn',
    ASTRA_ALLOW_DRIVER: 'thread',
    ASTRA_PORT: '0',
  };
  const running: RoleProcess[] = [];
  /** What processes that are gone had used. */
  const spent: Record<string, number> = {};
  const start: System['start'] = async (role, { wait = true } = {}) => {
    const child = spawn(process.execPath, [...nodeFlags(role, context), main, role], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const started = roleProcess(role, child);
    running.push(started);
    context.defer(() => end(child));
    const ready = new Promise<void>((resolve, reject) => {
      child.once('exit', (code, signal) =>
        reject(new Error(`${role} ended with ${code ?? signal} before it was ready`)),
      );
      child.on('message', (message: { type?: string }) => {
        if (message.type === 'ready') resolve();
      });
    });
    if (wait) await ready;
    else ready.catch(() => {});
    context.say(`${role} runs (pid ${child.pid})`);
    return started;
  };
  for (const role of roles) await start(role);
  const postmaster = postgres.pid;
  return {
    databaseUrl: postgres.url,
    natsUrl: nats.url,
    start,
    stopRoles: async () => {
      await Promise.all(running.map((role) => role.end()));
    },
    cpu: () => {
      const out: Record<string, number> = {
        load: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
        nats: processCpuMs(nats.pid) ?? 0,
      };
      for (const { role, pid } of running) {
        const ms = processCpuMs(pid);
        const name = `${role} ${pid}`;
        if (ms !== undefined) spent[name] = ms;
        out[role] = (out[role] ?? 0) + (spent[name] ?? 0);
      }
      const server = postmaster === undefined ? [] : familyOf(postmaster);
      if (server.length > 0) out['postgres'] = server.reduce((sum, pid) => sum + (processCpuMs(pid) ?? 0), 0);
      return out;
    },
  };
}

/** As bin/astra starts them; `--profile-roles DIR` has each write a CPU profile there. */
function nodeFlags(role: RoleName, { flags }: BenchContext): readonly string[] {
  const profile = flags.get('profile-roles');
  return [
    '--max-semi-space-size=64',
    '--disable-warning=ExperimentalWarning',
    ...(profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${String(profile)}`, `--cpu-prof-name=${role}.cpuprofile`]),
  ];
}

function roleProcess(role: RoleName, child: ChildProcess): RoleProcess {
  return {
    role,
    pid: child.pid as number,
    kill: () => gone(child, 'SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    end: () => end(child),
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function gone(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

async function end(child: ChildProcess): Promise<void> {
  const late = setTimeout(() => child.kill('SIGKILL'), endMs);
  await gone(child, 'SIGTERM');
  clearTimeout(late);
}

/** A process and its children: Postgres has one a connection. */
function familyOf(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(children === '' ? [] : children.split(' ').map(Number))];
  } catch {
    return [pid];
  }
}
