import type { Part } from './batch.ts';
import { workMessageAttemptsMax, workMessageBytesMax } from './bounds.ts';
import type { Shard } from './brand.ts';
import type { Bus } from './bus.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './envelope.ts';
import { encodeCommit } from './log-message.ts';
import type { Registry } from './registry.ts';
import type { ShardRuntime } from './shard.ts';
import type { Notice, Offer } from './unit.ts';

export interface ReleaseParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly shards: number;
  /** How many attempts of this route one message may carry: the pool's free slots over its live workers. */
  readonly attemptsPerMessage: (org: string, pool: string) => number;
  /** Milliseconds from ready to WORK's PubAck. */
  readonly onScheduled: (ms: number) => void;
  readonly onTrouble: (message: string, cause: unknown) => void;
}

/** An offer, and the shard that makes it. */
interface Released {
  readonly shard: ShardRuntime;
  readonly offer: Offer;
}

/**
 * What a commit lets out (I1): everything here is called behind the commit and only there. Nothing of it has to succeed:
 * answers are asked for again, channels and EVT are resent, offers come again on their timers, heads repair LOG.
 */
export class Release {
  readonly #parts: ReleaseParts;
  #workCounter = 0;
  /** What the commit of this turn lets out, by route. */
  readonly #waiting = new Map<string, Released[]>();

  constructor(parts: ReleaseParts) {
    this.#parts = parts;
  }

  landed({ shard, units, part }: Part): void {
    const { bus } = this.#parts;
    // First, because it is what has to be kept track of (I4).
    shard.sendEffects(units);
    if (part.events.length > 0)
      for (const message of encodeCommit(part.events, bus.messageBytesMax)) bus.sendLog(shard.shard, message);
    const offers: Offer[] = [];
    for (const unit of units) {
      for (const { replyTo, reply } of unit.answers) bus.reply(replyTo, reply);
      for (const envelope of unit.forwards) this.#forward(envelope);
      for (const notice of unit.notices) this.#notify(notice);
      offers.push(...unit.offers);
    }
    if (offers.length > 0) this.offer(shard, offers);
    shard.feed.push(units.flatMap(({ events }) => events));
  }

  /** A command for another actor's lane, unrecorded: a redirect. */
  #forward(envelope: Envelope): void {
    const { bus, registry, shards, onTrouble } = this.#parts;
    const to = homeOf(envelope, registry, shards);
    if (to === undefined) {
      const detail = `there is no ${envelope.to.type} ${envelope.to.id}`;
      if (envelope.replyTo !== undefined)
        bus.reply(envelope.replyTo, { ok: false, problem: { kind: 'rejected', code: 'not_found', detail } });
      return;
    }
    bus.sendCommand(to, envelope).catch((cause: unknown) => {
      onTrouble('a redirected command did not reach the bus: its caller will ask again', cause);
    });
  }

  /** Attempts for WORK: those of one route that one commit lets out go together, whatever their shards. */
  offer(shard: ShardRuntime, offers: readonly Offer[]): void {
    if (this.#waiting.size === 0) queueMicrotask(() => this.#offerWaiting());
    for (const offer of offers) {
      const { org } = offer.actor;
      const { pool, type } = offer.route;
      const name = `${org}/${pool}/${type}/${laneOf(offer.priority)}`;
      const group = this.#waiting.get(name);
      if (group) group.push({ shard, offer });
      else this.#waiting.set(name, [{ shard, offer }]);
    }
  }

  #offerWaiting(): void {
    const groups = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const group of groups) this.#offerGroup(group);
  }

  #offerGroup(group: readonly Released[]): void {
    const { attemptsPerMessage } = this.#parts;
    const first = group[0] as Released;
    const { org } = first.offer.actor;
    const most = Math.max(1, Math.min(workMessageAttemptsMax, attemptsPerMessage(org, first.offer.route.pool)));
    let texts: string[] = [];
    let sinces: number[] = [];
    let bytes = 2;
    const flush = (): void => {
      if (texts.length > 0) this.#sendWork(first, `[${texts.join(',')}]`, sinces);
      texts = [];
      sinces = [];
      bytes = 2;
    };
    for (const { shard, offer } of group) {
      const text = JSON.stringify({ shard: shard.shard, ...(offer.payload as object) });
      if (texts.length >= most || bytes + text.length > workMessageBytesMax) flush();
      texts.push(text);
      sinces.push(offer.since);
      bytes += text.length + 1;
    }
    flush();
  }

  #sendWork({ shard, offer }: Released, payload: string, sinces: readonly number[]): void {
    const { bus, clock, onScheduled, onTrouble } = this.#parts;
    const { org } = offer.actor;
    const { pool, type } = offer.route;
    bus
      .sendWork({
        org,
        pool,
        type,
        lane: laneOf(offer.priority),
        messageId: `${shard.shard}:${shard.epoch}:${++this.#workCounter}`,
        payload: Buffer.from(payload),
      })
      .then(() => {
        const now = clock.now();
        for (const since of sinces) onScheduled((now - since) / 1000);
      })
      .catch((cause: unknown) => onTrouble('an offer did not reach WORK: it is offered again', cause));
  }

  #notify(notice: Notice): void {
    const { org, worker, actor, attempt } = notice;
    const message =
      notice.kind === 'stop'
        ? { stop: [{ taskId: actor, attempt, reason: notice.reason }], signals: [] }
        : { stop: [], signals: [{ taskId: actor, attempt, name: notice.name, payload: notice.payload }] };
    this.#parts.bus.sendControl(org, worker, Buffer.from(JSON.stringify(message)));
  }
}

const laneOf = (priority: number): 'high' | 'normal' | 'low' =>
  priority <= 2 ? 'high' : priority <= 6 ? 'normal' : 'low';

/** The shard of a command's actor; undefined when it cannot exist. */
function homeOf({ to }: Envelope, registry: Registry, shards: number): Shard | undefined {
  try {
    return registry.shardOf(to, shards);
  } catch {
    return undefined;
  }
}
