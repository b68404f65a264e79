import { Histogram } from '../kernel/histogram.ts';
import { type InPublisher, openInPublisher } from '../kernel/nats/index.ts';
import { plan } from './goal-plan.ts';
import type { BenchContext } from './harness.ts';

const replyMs = 30_000;

/** Submits goals over NATS for one agent, and hears on EVT how they end. */
export class GoalLoad {
  readonly publisher: InPublisher;
  readonly #agentId: string;
  readonly #submitted = new Map<string, number>();
  /** Milliseconds from when a goal was due until its end was heard of. */
  readonly endToEnd = new Histogram();
  accepted = 0;
  refused = 0;
  /** Goals whose end was heard of, each once: EVT says it at least once. */
  settled = 0;
  readonly #settledIds = new Set<string>();
  onSettled: () => void = () => {};

  private constructor(publisher: InPublisher, agentId: string) {
    this.publisher = publisher;
    this.#agentId = agentId;
  }

  static async open(context: BenchContext, natsUrl: string): Promise<GoalLoad> {
    const publisher = await openInPublisher({ url: natsUrl, name: 'bench' }, 'default', 'bench');
    context.defer(() => publisher.close());
    const spawned = await (
      await publisher.publish('agent.spawn', { name: 'bench', maxConcurrentGoals: 1_000_000 }, replyMs)
    ).reply;
    if (!spawned.ok) throw new Error(`the agent was not spawned: ${spawned.problem.detail}`);
    const load = new GoalLoad(publisher, spawned.id);
    publisher.onEvents('agent', spawned.id, (events) => {
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

  /** Submits a goal that was due at `dueMs`; `key` makes it safe to ask again. Resolves when it is durable; throws when that is not known. */
  async submit(dueMs: number, key?: string): Promise<void> {
    const { reply } = await this.publisher.publish(
      'goal.submit',
      { agentId: this.#agentId, plan },
      replyMs,
      key === undefined ? {} : { idempotencyKey: key },
    );
    const answer = await reply;
    if (!answer.ok) {
      this.refused++;
      return;
    }
    this.accepted++;
    if (!this.#settledIds.has(answer.id)) this.#submitted.set(answer.id, dueMs);
  }
}

/** Resolves once the condition holds, or after so many milliseconds: whether it does. */
export async function until(condition: () => boolean, withinMs: number): Promise<boolean> {
  const end = performance.now() + withinMs;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  return condition();
}
