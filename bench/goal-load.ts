import { Histogram } from '../kernel/histogram.ts';
import { type InPublisher, openInPublisher } from '../kernel/nats/index.ts';
import { plan } from './goal-plan.ts';
import type { BenchContext } from './harness.ts';

const replyMs = 30_000;

/** How often somebody asks again who is told to come back later. */
const refusalsMax = 100;

/** Submits goals over NATS for a few agents in turn, and hears on EVT how they end. */
export class GoalLoad {
  readonly publisher: InPublisher;
  readonly #agentIds: readonly string[];
  #submissions = 0;
  readonly #submitted = new Map<string, number>();
  /** Milliseconds from when a goal was due until its end was heard of. */
  readonly endToEnd = new Histogram();
  accepted = 0;
  refused = 0;
  /** Goals whose end was heard of, each once: EVT says it at least once. */
  settled = 0;
  readonly #settledIds = new Set<string>();
  onSettled: () => void = () => {};

  private constructor(publisher: InPublisher, agentIds: readonly string[]) {
    this.publisher = publisher;
    this.#agentIds = agentIds;
  }

  static async open(context: BenchContext, natsUrl: string, agents = 1): Promise<GoalLoad> {
    const publisher = await openInPublisher({ url: natsUrl, name: 'bench' }, 'default', 'bench');
    context.defer(() => publisher.close());
    const agentIds: string[] = [];
    for (let i = 1; i <= agents; i++) {
      const spawned = await (
        await publisher.publish('agent.spawn', { name: `bench ${i}`, maxConcurrentGoals: 1_000_000 }, replyMs)
      ).reply;
      if (!spawned.ok) throw new Error(`the agent was not spawned: ${spawned.problem.detail}`);
      agentIds.push(spawned.id);
    }
    const load = new GoalLoad(publisher, agentIds);
    for (const agentId of agentIds)
      publisher.onEvents('agent', agentId, (events) => {
        for (const event of events as readonly { type: string; data: { goalId: string } }[])
          if (event.type === 'AgentGoalSettled') load.#heard(event.data.goalId);
      });
    return load;
  }

  #heard(goalId: string): void {
    if (this.#settledIds.has(goalId)) return;
    this.#settledIds.add(goalId);
    const since = this.#submitted.get(goalId);
    if (since !== undefined) this.endToEnd.record(performance.now() - since);
    this.#submitted.delete(goalId);
    this.settled++;
    this.onSettled();
  }

  /**
   * Submits a goal that was due at `dueMs`; `key` makes it safe to ask again. Resolves when it is durable, or refused for good;
   * throws when that is not known. With a key, who is told to come back later does.
   */
  async submit(dueMs: number, key?: string): Promise<void> {
    const agentId = this.#agentIds[this.#submissions++ % this.#agentIds.length];
    const options = key === undefined ? {} : { idempotencyKey: key };
    for (let times = 1; ; times++) {
      const { reply } = await this.publisher.publish('goal.submit', { agentId, plan }, replyMs, options);
      const answer = await reply;
      if (answer.ok) {
        this.accepted++;
        if (!this.#settledIds.has(answer.id)) this.#submitted.set(answer.id, dueMs);
        return;
      }
      const { retryAfterMs } = answer.problem;
      if (retryAfterMs === undefined || key === undefined || times === refusalsMax) {
        this.refused++;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
    }
  }
}

/** Resolves once the condition holds, or after so many milliseconds: whether it does. */
export async function until(condition: () => boolean, withinMs: number): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  return condition();
}
