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
  /** What was sent, by its name: to whom, where it came, and what keeps it that was refused. */
  readonly #sent = new Map<string, { readonly to: string; came: string | undefined; keeper: string | undefined }>();
  /** By dead letter: what it keeps. */
  readonly #kept = new Map<string, string>();
  readonly #violate: Violate;

  constructor(violate: Violate) {
    this.#violate = violate;
  }

  /** Those that have not come. */
  get underWay(): readonly string[] {
    return [...this.#sent].flatMap(([name, { came, keeper }]) => ((came ?? keeper) ? [] : [name]));
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
      const name = nameOf((data as { readonly envelope?: Parked }).envelope);
      const sent = name === undefined ? undefined : this.#sent.get(name);
      if (!sent || name === undefined) return;
      sent.keeper = actor.id;
      this.#kept.set(actor.id, name);
    }
    if (type === 'DeadLetterRedriven') {
      const sent = this.#sent.get(this.#kept.get(actor.id) ?? '');
      if (sent?.keeper === actor.id) sent.keeper = undefined;
    }
  }

  #left(name: string, to: string, at: string): void {
    if (this.#sent.has(name)) this.#violate('I3', `${name} was sent a second time, at ${at}`);
    this.#sent.set(name, { to, came: undefined, keeper: undefined });
  }

  #came(name: string, to: string, at: string): void {
    const sent = this.#sent.get(name);
    if (!sent) {
      this.#violate('I1', `message ${name} comes to ${at}, and nobody has sent it`);
      return;
    }
    if (sent.to !== to) this.#violate('I3', `message ${name} for ${sent.to} comes to ${to}`);
    if (sent.came !== undefined) this.#violate('I3', `message ${name} came to ${sent.came} and comes again, to ${at}`);
    if (sent.keeper !== undefined) this.#violate('I3', `${name} comes to ${at}, and ${sent.keeper} keeps it`);
    sent.came = at;
  }
}

/** A command that was parked, as far as it may carry what a task has sent. */
interface Parked {
  readonly to: { readonly id: string };
  readonly verb: string;
  readonly body: {
    readonly taskId?: string;
    readonly payload?: Json;
    readonly childId?: string;
    readonly holder?: string;
  } | null;
}

/** What it carries: a message, or an agent on its way to be born. */
function nameOf(envelope: Parked | undefined): string | undefined {
  const { taskId, payload, childId, holder } = envelope?.body ?? {};
  if (envelope?.verb === 'message' && taskId !== undefined) return JSON.stringify(payload);
  if (envelope?.verb === 'bear') return childId;
  if (envelope?.verb === 'spawn') return envelope.to.id;
  return envelope?.verb === 'reserve' ? holder : undefined;
}
