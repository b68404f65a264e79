import { type Epoch, epoch, type Generation, type Shard, shard } from '../../kernel/brand.ts';
import { type KeyLookup, openEvent } from '../../kernel/codec.ts';
import type { EventRecord, StoredEvent } from '../../kernel/event.ts';
import { eventHash, genesisHash } from '../../kernel/hash.ts';
import type { CommitOutcome, CommitPart, LanePosition, ShardRow, SnapshotPart } from '../../kernel/log.ts';
import type { Registry } from '../../kernel/registry.ts';
import type { DatabaseObserver } from './database.ts';
import { reveals } from './personal.ts';
import type { Violate } from './violation.ts';

/** A shard, as whoever watches every claim and every commit has to find it. */
interface Seen {
  epoch: number;
  seq: number;
  hash: Buffer;
  at: number;
  lane: LanePosition;
  /** By the other shard: how many effects were recorded for it, and how many of its were taken. */
  readonly sent: number[];
  got: readonly number[];
  /** Effects that their receiver has not taken, by receiver. */
  readonly unconfirmed: { readonly n: number; readonly seq: number }[][];
}

/**
 * Every commit by itself, as it lands: one epoch writes, the log is dense and chained (I2, I9), lanes and channels go forwards
 * only (I3), effects are numbered without a gap and nobody gives one up before it was taken (I4).
 */
export class LogCheck implements DatabaseObserver {
  readonly #shards: readonly Seen[];
  readonly #registry: Registry;
  readonly #violate: Violate;
  /** How many events there are. */
  events = 0;
  /** A bus that was wiped or rolled back gives the same sequences to other messages. */
  lanesMayGoBack = false;
  #recreated = 0;
  /** The subjects' keys; known before what is sealed with them is committed. */
  keys: KeyLookup = () => undefined;
  /** Told of every event, in order of its commit. */
  onEvent: (event: EventRecord, stored: StoredEvent) => void = () => {};
  /** Told of every commit that was carried out. */
  onCommit: (part: CommitPart) => void = () => {};

  constructor(shards: number, registry: Registry, violate: Violate) {
    this.#registry = registry;
    this.#violate = violate;
    this.#shards = Array.from({ length: shards }, (_, i) => ({
      epoch: 0,
      seq: 0,
      hash: genesisHash('memory', i),
      at: 0,
      lane: { generation: 1 as LanePosition['generation'], sequence: 0, time: '0' },
      sent: Array.from({ length: shards }, () => 0),
      got: Array.from({ length: shards }, () => 0),
      unconfirmed: Array.from({ length: shards }, () => []),
    }));
  }

  /** Kernels that find out at the same time both make the bus anew: the second one counts from the beginning once more. */
  recreated(generation: Generation): void {
    if (generation === this.#recreated) this.lanesMayGoBack = true;
    this.#recreated = generation;
  }

  epochOf(of: Shard): Epoch {
    return epoch(this.#of(of).epoch);
  }

  seqOf(of: Shard): number {
    return this.#of(of).seq;
  }

  sentOf(from: Shard, to: Shard): number {
    return this.#of(from).sent[to] ?? 0;
  }

  /** Effects that were recorded and not taken, over all shards. */
  get underWay(): number {
    let count = 0;
    this.#shards.forEach(({ sent }, from) => {
      sent.forEach((n, to) => {
        count += n - ((this.#shards[to] as Seen).got[from] ?? 0);
      });
    });
    return count;
  }

  kept({ shard, snapshots }: SnapshotPart): void {
    for (const { actorType, state } of snapshots)
      if (reveals(state))
        this.#violate('personal data', `shard ${shard}: a snapshot of a ${actorType} keeps it in the clear`);
  }

  #of(shard: Shard): Seen {
    return this.#shards[shard] as Seen;
  }

  claimed(owner: string, rows: readonly ShardRow[]): void {
    for (const row of rows) {
      const seen = this.#of(row.shard);
      if (row.epoch !== seen.epoch + 1)
        this.#violate('I2', `shard ${row.shard}: ${owner} was given epoch ${row.epoch} behind ${seen.epoch}`);
      seen.epoch = row.epoch;
    }
  }

  committed(parts: readonly CommitPart[], { written }: CommitOutcome): void {
    for (const part of parts)
      if (written.has(part.shard)) {
        this.#landed(part, this.#of(part.shard));
        this.onCommit(part);
      }
  }

  #landed(part: CommitPart, seen: Seen): void {
    const broken = (invariant: string, what: string): void => this.#violate(invariant, `shard ${part.shard}: ${what}`);
    if (part.epoch !== seen.epoch) broken('I2', `a commit of epoch ${part.epoch} landed in epoch ${seen.epoch}`);
    if (part.previousSeq !== seen.seq)
      broken('I2', `a commit behind seq ${part.previousSeq} landed behind ${seen.seq}`);
    for (const event of part.events) {
      if (event.seq !== seen.seq + 1) broken('I2', `seq ${event.seq} follows ${seen.seq}`);
      if (event.epoch !== part.epoch || event.commitSeq !== part.seq)
        broken('I2', `seq ${event.seq} names epoch ${event.epoch} and commit ${event.commitSeq}`);
      if (event.at < seen.at) broken('I2', `time goes back at seq ${event.seq}`);
      if (!eventHash(seen.hash, event).equals(event.hash))
        broken('I9', `seq ${event.seq} is chained to another history`);
      if (reveals(event.body)) broken('personal data', `seq ${event.seq}, ${event.type}, keeps it in the clear`);
      this.events++;
      seen.seq = event.seq;
      seen.at = event.at;
      seen.hash = event.hash;
      const record = openEvent(event, this.#registry, this.keys);
      for (const { to, n } of record.effects ?? []) {
        const before = seen.sent[to] ?? 0;
        if (n !== before + 1) broken('I4', `effect ${n} for shard ${to} follows ${before}`);
        seen.sent[to] = n;
        (seen.unconfirmed[to] as { n: number; seq: number }[]).push({ n, seq: event.seq });
      }
      this.onEvent(record, event);
    }
    if (part.seq !== seen.seq || !part.hash.equals(seen.hash))
      broken('I2', `the row says seq ${part.seq}, the log ${seen.seq}`);
    if (part.sent?.some((n, to) => n !== seen.sent[to]))
      broken('I4', `counts ${part.sent} effects, recorded ${seen.sent}`);
    if (part.got) this.#took(part, part.got, seen, broken);
    const { lane } = part;
    if (
      lane.generation < seen.lane.generation ||
      (lane.generation === seen.lane.generation && lane.sequence < seen.lane.sequence && !this.lanesMayGoBack)
    )
      broken('I3', `its lane goes back from ${place(seen.lane)} to ${place(lane)}`);
    seen.lane = lane;
    this.#givesUp(part, seen, broken);
  }

  #took(part: CommitPart, got: readonly number[], seen: Seen, broken: Violate): void {
    got.forEach((n, from) => {
      const before = seen.got[from] ?? 0;
      const sent = this.#shards[from]?.sent[part.shard] ?? 0;
      if (n < before) broken('I4', `has taken ${n} effects of shard ${from}, and ${before} before`);
      if (n > sent) broken('I1', `has taken effect ${n} of shard ${from}, which has committed ${sent}`);
    });
    seen.got = got;
  }

  /** What nobody looks at again when the shard has another owner has to be taken. */
  #givesUp(part: CommitPart, seen: Seen, broken: Violate): void {
    seen.unconfirmed.forEach((effects, to) => {
      const taken = this.#of(shard(to)).got[part.shard] ?? 0;
      while (effects[0] && effects[0].n <= taken) effects.shift();
      const first = effects[0];
      if (first && first.seq < part.unconfirmedSeq)
        broken('I4', `gives up effect ${first.n} for shard ${to}, recorded at seq ${first.seq}, before it was taken`);
    });
  }
}

const place = ({ generation, sequence }: LanePosition): string => `${generation}/${sequence}`;
