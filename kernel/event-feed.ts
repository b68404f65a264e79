import { headId } from './address.ts';
import { eventBacklogBytesMax, eventBacklogMax, eventHeadroomBytes, eventRetryMs } from './bounds.ts';
import { type Generation, type Micros, positionOf, type Seq, type Shard, seq, toIso } from './brand.ts';
import type { Bus, EventMessage } from './bus.ts';
import type { Clock } from './clock.ts';
import { type KeyLookup, openEvent } from './codec.ts';
import { isPassing } from './contained.ts';
import type { EventRecord, StoredEvent } from './event.ts';
import type { Log } from './log.ts';
import type { Registry } from './registry.ts';

/** What EVT needs of an event; drafts and records both have it. */
export type PublishedEvent = Pick<
  EventRecord,
  'actor' | 'version' | 'type' | 'schema' | 'at' | 'commandId' | 'correlationId' | 'principal'
> & {
  readonly seq: Seq;
  readonly data: unknown;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
};

/** Commits sent together before their acks are awaited. */
const windowCommits = 64;

interface Pending {
  readonly upTo: Seq;
  readonly count: number;
  readonly bytes: number;
  readonly messages: readonly EventMessage[];
}

export interface EventFeedParts {
  readonly shard: Shard;
  readonly bus: Pick<Bus, 'sendEvents' | 'messageBytesMax'>;
  readonly log: Pick<Log, 'read'>;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly keys: KeyLookup;
  readonly learnKeys: (events: readonly StoredEvent[]) => Promise<void>;
  readonly generation: () => Generation;
  /** Which orgs' events are published. */
  readonly wanted: (org: string) => boolean;
  /** Told of what cannot be published, now or ever. */
  readonly onTrouble: (message: string, cause: unknown) => void;
}

/**
 * Publishes a shard's commits on EVT, go-back-N: in order, at least once, from memory while it keeps up and from the log
 * when it does not (docs/nats.md, "Listening out"). How far it came is stored with the shard's next commit.
 */
export class EventFeed {
  readonly #parts: EventFeedParts;
  #queue: Pending[] = [];
  #queued = { events: 0, bytes: 0 };
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
    if (contiguous === this.#committed && this.#hasRoom) {
      const messages = this.#messages(events);
      const bytes = messages.reduce((sum, { payload }) => sum + payload.length, 0);
      this.#queue.push({ upTo, count: events.length, bytes, messages });
      this.#queued.events += events.length;
      this.#queued.bytes += bytes;
    }
    this.#committed = upTo;
    void this.#run();
  }

  get #hasRoom(): boolean {
    return this.#queued.events < eventBacklogMax && this.#queued.bytes < eventBacklogBytesMax;
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#stopped && this.#published < this.#committed) {
        try {
          if (this.#queue.length > 0) await this.#sendQueued();
          else await this.#sendFromLog();
        } catch (cause) {
          // The bus or the log does not answer: go back to what is not acknowledged, after a while.
          if (!isPassing(cause)) this.#parts.onTrouble('events cannot be published now', cause);
          await this.#pause();
        }
      }
    } finally {
      this.#running = false;
    }
  }

  async #sendQueued(): Promise<void> {
    const window = this.#queue.slice(0, windowCommits);
    await this.#send(window.flatMap(({ messages }) => messages));
    this.#queue.splice(0, window.length);
    for (const { count, bytes, upTo } of window) {
      this.#queued.events -= count;
      this.#queued.bytes -= bytes;
      this.#published = upTo;
    }
  }

  async #sendFromLog(): Promise<void> {
    const { log, shard } = this.#parts;
    for await (const page of log.read(shard, this.#published, this.#committed))
      for (let from = 0; from < page.length; ) {
        if (this.#stopped) return;
        const commitSeq = (page[from] as StoredEvent).commitSeq;
        let to = from;
        while (to < page.length && (page[to] as StoredEvent).commitSeq === commitSeq) to++;
        await this.#send(this.#messages(await this.#open(page.slice(from, to))));
        this.#published = seq((page[to - 1] as StoredEvent).seq);
        from = to;
      }
  }

  /** Those of a commit that can be read: what cannot is told, and holds nothing up. */
  async #open(commit: readonly StoredEvent[]): Promise<readonly EventRecord[]> {
    const { learnKeys, registry, keys, onTrouble } = this.#parts;
    await learnKeys(commit);
    return commit.flatMap((stored) => {
      try {
        return [openEvent(stored, registry, keys)];
      } catch (cause) {
        onTrouble(`event ${positionOf(stored.shard, stored.seq)} is not published: it cannot be read`, cause);
        return [];
      }
    });
  }

  /** Resolves when all are stored, but for those that the bus will never take: they are told, and hold nothing up. */
  async #send(messages: readonly EventMessage[]): Promise<void> {
    const { bus, onTrouble } = this.#parts;
    const sent = messages.map(async (message) => {
      try {
        await bus.sendEvents(message);
      } catch (cause) {
        if (isPassing(cause)) throw cause;
        onTrouble(`events of ${message.actorType} ${message.actorId} are not published`, cause);
      }
    });
    await Promise.all(sent);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#cancel = this.#parts.clock.after(eventRetryMs, resolve);
    });
  }

  /** A message for each actor (a goal: with its tasks), in order of seq; more than one where one cannot hold them. */
  #messages(events: readonly PublishedEvent[]): readonly EventMessage[] {
    const { wanted } = this.#parts;
    const groups = new Map<string, PublishedEvent[]>();
    for (const event of events) {
      if (!wanted(event.actor.org)) continue;
      // Of one type, as its prefix says; but workers choose their ids, so two orgs may have one of the same (I10).
      const name = `${event.actor.org}/${headId(event.actor.id)}`;
      const group = groups.get(name);
      if (group) group.push(event);
      else groups.set(name, [event]);
    }
    const messages: EventMessage[] = [];
    for (const group of groups.values()) this.#addMessages(messages, group);
    return messages;
  }

  #addMessages(messages: EventMessage[], events: readonly PublishedEvent[]): void {
    const { shard, bus, generation, registry } = this.#parts;
    const { org, type, id } = (events[0] as PublishedEvent).actor;
    const payload = Buffer.from(publishedText(shard, events));
    if (payload.length > bus.messageBytesMax - eventHeadroomBytes && events.length > 1) {
      const half = events.length >> 1;
      this.#addMessages(messages, events.slice(0, half));
      this.#addMessages(messages, events.slice(half));
      return;
    }
    messages.push({
      org,
      actorType: registry.head(type)?.type ?? type,
      actorId: headId(id),
      types: [...new Set(events.map(({ type }) => type))],
      generation: generation(),
      messageId: `${shard}:${(events.at(-1) as PublishedEvent).seq}`,
      payload,
    });
  }
}

/** Events as EVT has them, in JSON: put together here, because all but the data is short and needs no looking at for what it is. */
function publishedText(shard: Shard, events: readonly PublishedEvent[]): string {
  let text = '';
  let at: Micros | undefined;
  let iso = '';
  for (const event of events) {
    // The events of one command have one time.
    if (event.at !== at) {
      at = event.at;
      iso = toIso(at);
    }
    const { org, type, id } = event.actor;
    text += `${text === '' ? '[' : ','}{"position":"${positionOf(shard, event.seq)}","org":"${org}","actor":${quoted(`${type}/${id}`)},"version":${event.version},"type":"${event.type}","schema":${event.schema},"at":"${iso}","commandId":${quoted(event.commandId)},"correlationId":${quoted(event.correlationId)}`;
    if (event.causationId !== undefined) text += `,"causationId":${quoted(event.causationId)}`;
    text += `,"principal":${quoted(event.principal)}`;
    if (event.traceparent !== undefined) text += `,"traceparent":${quoted(event.traceparent)}`;
    text += `,"data":${JSON.stringify(event.data)}}`;
  }
  return `${text}]`;
}

const quoted = (text: string): string => JSON.stringify(text);
