import { headId } from './address.ts';
import { eventBacklogMax, eventRetryMs } from './bounds.ts';
import { type Generation, positionOf, type Seq, type Shard, seq, toIso } from './brand.ts';
import type { Bus, EventMessage } from './bus.ts';
import type { Clock } from './clock.ts';
import { type KeyLookup, openEvent } from './codec.ts';
import type { EventRecord, StoredEvent } from './event.ts';
import type { Log } from './log.ts';
import type { Registry } from './registry.ts';

/** What EVT needs of an event; drafts and records both have it. */
export type PublishedEvent = Pick<
  EventRecord,
  'actor' | 'version' | 'type' | 'schema' | 'at' | 'data' | 'commandId' | 'correlationId' | 'principal'
> & { readonly seq: Seq; readonly causationId?: string | undefined; readonly traceparent?: string | undefined };

/** Commits sent together before their acks are awaited. */
const windowCommits = 64;

interface Pending {
  readonly upTo: Seq;
  readonly count: number;
  readonly messages: readonly EventMessage[];
}

export interface EventFeedParts {
  readonly shard: Shard;
  readonly bus: Pick<Bus, 'sendEvents'>;
  readonly log: Pick<Log, 'read'>;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly keys: KeyLookup;
  readonly learnKeys: (events: readonly StoredEvent[]) => Promise<void>;
  readonly generation: () => Generation;
  /** Which orgs' events are published. */
  readonly wanted: (org: string) => boolean;
}

/**
 * Publishes a shard's commits on EVT, go-back-N: in order, at least once, from memory while it keeps up and from the log
 * when it does not (docs/nats.md, "Listening out"). How far it came is stored with the shard's next commit.
 */
export class EventFeed {
  readonly #parts: EventFeedParts;
  #queue: Pending[] = [];
  #queued = 0;
  #published: Seq;
  #committed: Seq;
  #running = false;
  #stopped = false;
  #cancel: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(parts: EventFeedParts, published: Seq, committed: Seq) {
    this.#parts = parts;
    this.#published = published;
    this.#committed = committed;
  }

  /** EVT is published up to and including this seq. */
  get published(): Seq {
    return this.#published;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#wake?.();
  }

  /** A commit of this shard, in order. */
  push(events: readonly PublishedEvent[]): void {
    const upTo = events.at(-1)?.seq;
    if (upTo === undefined) return;
    const contiguous = this.#queue.length > 0 ? this.#queue.at(-1)?.upTo : this.#published;
    if (contiguous === this.#committed && this.#queued + events.length <= eventBacklogMax) {
      this.#queue.push({ upTo, count: events.length, messages: this.#messages(events) });
      this.#queued += events.length;
    }
    this.#committed = upTo;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#stopped && this.#published < this.#committed) {
        try {
          if (this.#queue.length > 0) await this.#sendQueued();
          else await this.#sendFromLog();
        } catch {
          // The bus or the log does not answer: go back to what is not acknowledged, after a while.
          await this.#pause();
        }
      }
    } finally {
      this.#running = false;
    }
  }

  async #sendQueued(): Promise<void> {
    const window = this.#queue.slice(0, windowCommits);
    await Promise.all(window.flatMap(({ messages }) => messages.map((message) => this.#parts.bus.sendEvents(message))));
    this.#queue.splice(0, window.length);
    for (const { count, upTo } of window) {
      this.#queued -= count;
      this.#published = upTo;
    }
  }

  async #sendFromLog(): Promise<void> {
    const { log, shard, learnKeys, keys, registry, bus } = this.#parts;
    for await (const page of log.read(shard, this.#published, this.#committed)) {
      await learnKeys(page);
      for (let from = 0; from < page.length; ) {
        const commitSeq = (page[from] as StoredEvent).commitSeq;
        let to = from;
        while (to < page.length && (page[to] as StoredEvent).commitSeq === commitSeq) to++;
        const records = page.slice(from, to).map((stored) => openEvent(stored, registry, keys));
        await Promise.all(this.#messages(records).map((message) => bus.sendEvents(message)));
        this.#published = seq((page[to - 1] as StoredEvent).seq);
        from = to;
      }
      if (this.#stopped) return;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#cancel = this.#parts.clock.after(eventRetryMs, resolve);
    });
  }

  /** One message for each actor (a goal: with its tasks), in order of seq. */
  #messages(events: readonly PublishedEvent[]): readonly EventMessage[] {
    const { registry, shard, generation, wanted } = this.#parts;
    const groups = new Map<string, PublishedEvent[]>();
    for (const event of events) {
      if (!wanted(event.actor.org)) continue;
      const type = registry.head(event.actor.type)?.type ?? event.actor.type;
      const name = `${event.actor.org}/${type}/${headId(event.actor.id)}`;
      const group = groups.get(name);
      if (group) group.push(event);
      else groups.set(name, [event]);
    }
    return [...groups].map(([name, group]) => {
      const [org, actorType, actorId] = name.split('/') as [string, string, string];
      return {
        org,
        actorType,
        actorId,
        types: [...new Set(group.map(({ type }) => type))],
        generation: generation(),
        messageId: `${shard}:${(group.at(-1) as PublishedEvent).seq}`,
        payload: Buffer.from(JSON.stringify(group.map((event) => publishedForm(shard, event)))),
      };
    });
  }
}

const publishedForm = (shard: Shard, event: PublishedEvent) => ({
  position: positionOf(shard, event.seq),
  org: event.actor.org,
  actor: `${event.actor.type}/${event.actor.id}`,
  version: event.version,
  type: event.type,
  schema: event.schema,
  at: toIso(event.at),
  commandId: event.commandId,
  correlationId: event.correlationId,
  causationId: event.causationId,
  principal: event.principal,
  traceparent: event.traceparent,
  data: event.data,
});
