import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Background, startInBackground } from '../cli/background.ts';
import type { Client, Resource } from '../cli/client.ts';
import type { Running } from '../cli/data-directory.ts';
import type { Json } from '../kernel/envelope.ts';
import { until } from '../kernel/testing/until.ts';

/** A directory that goes with the test; servers' own accounts may pass through it. */
export function makePlace(): string {
  const place = mkdtempSync(join(tmpdir(), 'astra-spine-'));
  chmodSync(place, 0o711);
  return place;
}

/** Removes a place, and the data of the PostgreSQL in `postgres` where that had to be elsewhere. */
export function removePlace(place: string, postgres: string): void {
  const location = join(postgres, 'location');
  if (existsSync(location)) rmSync(readFileSync(location, 'utf8').trim(), { recursive: true, force: true });
  rmSync(place, { recursive: true, force: true });
}

/** A task of a plan, as a caller writes it. */
export type TaskInput = { readonly key: string; readonly type: string; readonly [field: string]: Json };

/** An `astra up` of real processes in a directory of its own, and an agent to submit goals for. */
export class AstraUnderTest {
  readonly up: Background;
  readonly agentId: string;
  readonly #place: string;

  private constructor(place: string, up: Background, agentId: string) {
    this.#place = place;
    this.up = up;
    this.agentId = agentId;
  }

  /** With embedded servers, unless the environment names others. */
  static async start(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<AstraUnderTest> {
    const place = makePlace();
    const dataDir = join(place, 'data');
    try {
      const up = await startInBackground({
        dataDir,
        logFile: join(place, 'up.log'),
        args,
        environment: { PATH: process.env['PATH'], HOME: place, ...environment },
      });
      const { body } = await up.client.post('/v1/agents', { name: 'tester' });
      return new AstraUnderTest(place, up, String(body['id']));
    } catch (error) {
      removePlace(place, join(dataDir, 'postgres'));
      throw error;
    }
  }

  get client(): Client {
    return this.up.client;
  }

  get dataDir(): string {
    return join(this.#place, 'data');
  }

  get running(): Running {
    return this.up.running();
  }

  /** Answers the goal's id once reads know it. */
  async submit(tasks: readonly TaskInput[]): Promise<string> {
    const { body, position } = await this.client.post('/v1/goals', { agentId: this.agentId, plan: { tasks } });
    const id = String(body['id']);
    await this.client.get(`/v1/goals/${id}`, undefined, position);
    return id;
  }

  /** The goal as soon as it is so. */
  goalWhen(id: string, so: (goal: Goal) => boolean): Promise<Goal> {
    return until(async () => {
      const goal = (await this.client.get(`/v1/goals/${id}`)) as Goal;
      return so(goal) && goal;
    });
  }

  goalEnd(id: string): Promise<Goal> {
    return this.goalWhen(id, ({ status }) => ['completed', 'failed', 'cancelled'].includes(status));
  }

  task(goalId: string, key: string): Promise<Resource> {
    return this.client.get(`/v1/tasks/${goalId}.${key}`);
  }

  /** SIGKILL, and not before the next one of that role runs does this return. */
  async kill(role: 'kernel' | 'kernel-2' | 'gateway' | 'worker'): Promise<void> {
    const pid = this.running.roles[role] as number;
    process.kill(pid, 'SIGKILL');
    await until(() => this.running.roles[role] !== pid);
  }

  /** Answers the exit code of `astra up`. */
  async stop(): Promise<number | null> {
    const code = await this.up.stop();
    removePlace(this.#place, join(this.dataDir, 'postgres'));
    return code;
  }
}

export type Goal = Resource & {
  readonly status: string;
  readonly run: number;
  readonly counts: Readonly<Record<string, number>>;
};
