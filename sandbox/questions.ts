import type { AgentProfile } from '../actors/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { WorkerLink } from '../kernel/edge.ts';
import type { Json, Reply } from '../kernel/envelope.ts';
import { AstraError, type ErrorKind, type Problem } from '../kernel/errors.ts';
import { askTriesMax, batchRetryMinMs, batchTimeoutMs, profilesKeptMax } from './bounds.ts';
import type { WorkItem } from './work-message.ts';

export interface QuestionsParts {
  readonly link: Pick<WorkerLink, 'ask'>;
  readonly org: string;
  readonly workerId: string;
  readonly incarnation: string;
  readonly clock: Pick<Clock, 'after'>;
}

/**
 * What running attempts ask of agents, through their tasks, which let through what comes from the holder of an attempt. Only
 * those that want to know ask: work without questions carries nothing for them.
 */
export class Questions {
  readonly #parts: QuestionsParts;
  /** By agent and version: a version of a profile never changes. */
  readonly #profiles = new Map<string, Promise<AgentProfile>>();
  #asked = 0;

  constructor(parts: QuestionsParts) {
    this.#parts = parts;
  }

  /** The profile of the agent that an attempt works for, of the version that its goal was admitted with. Throws an AstraError. */
  profile(item: WorkItem): Promise<AgentProfile> {
    const key = `${item.agentId}:${item.profileVersion}`;
    const known = this.#profiles.get(key);
    if (known) return known;
    const asking = this.#ask(item, 'profile', {}).then((reply) => {
      if (!reply.ok) throw AstraError.fromProblem(reply.problem);
      return (reply.data as { readonly profile: unknown } | undefined)?.profile as AgentProfile;
    });
    if (this.#profiles.size >= profilesKeptMax) this.#profiles.delete(this.#profiles.keys().next().value as string);
    this.#profiles.set(key, asking);
    asking.catch(() => this.#profiles.delete(key));
    return asking;
  }

  /** Why an agent would not take a message; undefined when it would, or when nobody can tell now: then its delivery finds out. */
  async unreachable(item: WorkItem, agentId: string): Promise<Problem | undefined> {
    const reply = await this.#ask(item, 'reach', { agentId }).catch((error: unknown) => {
      if (error instanceof AstraError && passing.has(error.kind)) return undefined;
      throw error;
    });
    return reply === undefined || reply.ok || passing.has(reply.problem.kind) ? undefined : reply.problem;
  }

  async #ask({ shard, taskId, attempt }: WorkItem, command: 'profile' | 'reach', body: object): Promise<Reply> {
    const { link, org, workerId, incarnation, clock } = this.#parts;
    for (let tries = 1; ; tries++) {
      const id = `${taskId}:${attempt}:${command}:${++this.#asked}`;
      const full = { attempt, worker: workerId, incarnation, ...body } as Json;
      try {
        const reply = await link.ask(shard, org, { to: taskId, command, id, body: full }, batchTimeoutMs);
        if (reply.ok || !passing.has(reply.problem.kind) || tries >= askTriesMax) return reply;
      } catch (error) {
        if (!(error instanceof AstraError) || !passing.has(error.kind) || tries >= askTriesMax) throw error;
      }
      await new Promise<void>((resolve) => clock.after(batchRetryMinMs * 2 ** tries, resolve));
    }
  }
}

const passing: ReadonlySet<ErrorKind> = new Set(['unavailable', 'overloaded', 'indeterminate']);
