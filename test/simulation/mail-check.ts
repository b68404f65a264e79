import type { SpawnedAgent } from '../../actors/task/events.ts';
import { positionOf } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { EventRecord } from '../../kernel/event.ts';
import type { Violate } from './violation.ts';

/** A message between agents: its payload names it alone. */
interface Sent {
  readonly to: string;
  readonly type: string;
  readonly payload: Json;
}

/**
 * What tasks send to agents, and the agents that they spawn: each message comes once, to whom it is for, each agent is born once,
 * and neither before its task has completed (I1, I3, I4). What is refused is kept.
 */
export class MailCheck {
  /** Messages that were sent, by payload: where they came, once they have. */
  readonly #sent = new Map<string, { readonly to: string; came: string | undefined }>();
  readonly #violate: Violate;

  constructor(violate: Violate) {
    this.#violate = violate;
  }

  /** How many were sent. */
  get count(): number {
    return this.#sent.size;
  }

  /** Those that have not come. */
  get underWay(): readonly string[] {
    return [...this.#sent].flatMap(([payload, { came }]) => (came === undefined ? [payload] : []));
  }

  hear({ actor, type, data, shard, seq }: EventRecord): void {
    const at = positionOf(shard, seq);
    if (type === 'TaskCompleted') {
      const { messages = [], spawned = [] } = data as {
        readonly messages?: readonly Sent[];
        readonly spawned?: readonly SpawnedAgent[];
      };
      for (const { to, payload } of messages) this.#left(JSON.stringify(payload), to, at);
      for (const { id } of spawned) this.#left(id, id, at);
    }
    if (type === 'AgentSpawned' && this.#sent.has(actor.id)) this.#came(actor.id, actor.id, at);
    if (type === 'AgentMessageReceived') {
      const { payload, taskId } = data as { readonly payload: Json; readonly taskId?: string };
      if (taskId !== undefined) this.#came(JSON.stringify(payload), actor.id, at);
    }
    if (type === 'DeadLetterParked') {
      const { envelope } = data as { readonly envelope?: { readonly to: { id: string }; verb: string; body: Json } };
      const { taskId, payload, childId, holder } = (envelope?.body ?? {}) as {
        readonly taskId?: string;
        readonly payload?: Json;
        readonly childId?: string;
        readonly holder?: string;
      };
      const child = childId ?? holder;
      if (envelope && ['bear', 'reserve'].includes(envelope.verb) && child !== undefined)
        this.#came(child, child, `dead letter ${actor.id}`);
      if (envelope?.verb === 'message' && taskId !== undefined)
        this.#came(JSON.stringify(payload), envelope.to.id, `dead letter ${actor.id}`);
    }
  }

  #left(name: string, to: string, at: string): void {
    if (this.#sent.has(name)) this.#violate('I3', `${name} was sent a second time, at ${at}`);
    this.#sent.set(name, { to, came: undefined });
  }

  #came(name: string, to: string, at: string): void {
    const sent = this.#sent.get(name);
    if (!sent) {
      this.#violate('I1', `message ${name} comes to ${at}, and nobody has sent it`);
      return;
    }
    if (sent.to !== to) this.#violate('I3', `message ${name} for ${sent.to} comes to ${to}`);
    if (sent.came !== undefined) this.#violate('I3', `message ${name} came to ${sent.came} and comes again, to ${at}`);
    sent.came = at;
  }
}
