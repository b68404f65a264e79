import { type Epoch, epoch, type Generation, generation, micros, type Seq, type Shard, seq, shard } from '../brand.ts';
import type { Clock } from '../clock.ts';
import { AstraError } from '../errors.ts';
import type { StoredEvent } from '../event.ts';
import { genesisHash } from '../hash.ts';
import type {
  ActorRange,
  ActorsRead,
  CommitOutcome,
  CommitPart,
  DueActor,
  DueWithin,
  Log,
  LogMeta,
  OtherVersions,
  Probation,
  RememberedCommand,
  ShardRow,
  SnapshotPart,
  StoredSnapshot,
  SubjectKey,
} from '../log.ts';
import type { Random } from '../random.ts';

/** Events a page of {@link MemoryLog.read}: small, so that paging is exercised. */
const pageEvents = 100;

interface Row extends ShardRow {
  probation: Probation | null;
  leaseUntilUs: number;
}

/** A fault to answer the next commits with: before (nothing is written) or after (it is written, and nobody is told). */
export type CommitFault = 'lost-before' | 'lost-after' | 'unavailable' | undefined;

/**
 * The event store in memory, for tests and simulation. It keeps the contract to the letter: dense logs, epochs, leases by
 * its clock. `fault` decides about each commit; `refuses` plays data that the store cannot take.
 */
export class MemoryLog implements Log {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #shards: number;
  readonly #rows: Row[];
  readonly #events: StoredEvent[][];
  readonly #commands: RememberedCommand[][];
  /** When each owner renewed last, in the order in which they began. */
  readonly #renewedUs = new Map<string, number>();
  readonly #snapshots: Map<string, StoredSnapshot>[];
  readonly #wholeTo: (Seq | undefined)[];
  readonly #keys = new Map<string, SubjectKey>();
  readonly #kids = new Map<string, SubjectKey>();
  #generation = generation(1);
  fault: (parts: readonly CommitPart[]) => CommitFault = () => undefined;
  refuses: (event: StoredEvent) => boolean = () => false;
  /** While false, nothing answers. */
  up = true;

  constructor(clock: Clock, random: Random, shards = 64) {
    this.#clock = clock;
    this.#random = random;
    this.#shards = shards;
    this.#events = Array.from({ length: shards }, () => []);
    this.#commands = Array.from({ length: shards }, () => []);
    this.#snapshots = Array.from({ length: shards }, () => new Map());
    this.#wholeTo = Array.from({ length: shards }, () => undefined);
    this.#rows = Array.from({ length: shards }, (_, i) => ({
      shard: shard(i),
      epoch: epoch(0),
      owner: null,
      seq: seq(0),
      hash: genesisHash('memory', i),
      at: micros(0),
      lane: { generation: generation(1), sequence: 0, time: '0' },
      sent: Array.from({ length: shards }, () => 0),
      got: Array.from({ length: shards }, () => 0),
      unconfirmedSeq: seq(1),
      evtSeq: seq(0),
      flushedSeq: seq(0),
      probation: null,
      leaseUntilUs: 0,
    }));
  }

  /** Everything that was ever written, for checkers. */
  all(of: Shard): readonly StoredEvent[] {
    return this.#events[of] as StoredEvent[];
  }

  async meta(): Promise<LogMeta> {
    this.#check();
    return { databaseId: 'memory', shards: this.#shards, generation: this.#generation, now: this.#clock.now() };
  }

  async claim(owner: string, leaseMs: number, shards?: readonly Shard[], most?: number): Promise<readonly ShardRow[]> {
    this.#check();
    const now = this.#clock.now();
    return this.#rows
      .filter((row) => (row.owner === null || row.leaseUntilUs < now) && (!shards || shards.includes(row.shard)))
      .slice(0, most)
      .map((row) => {
        const claimed = this.#own(row, owner, leaseMs);
        (this.#rows[row.shard] as Row).probation ??= { trying: '', tries: 0 };
        return claimed;
      });
  }

  /** The leases of an owner, or of all, are over, and nobody gave them back: its process is dead. */
  expire(owner?: string): void {
    for (const row of this.#rows) if (owner === undefined || row.owner === owner) row.leaseUntilUs = 0;
    if (owner === undefined) this.#renewedUs.clear();
    else this.#renewedUs.delete(owner);
  }

  async reclaim(
    owner: string,
    leaseMs: number,
    held: readonly { shard: Shard; epoch: Epoch }[],
  ): Promise<readonly ShardRow[]> {
    this.#check();
    return held
      .map((one) => ({ row: this.#rows[one.shard] as Row, epoch: one.epoch }))
      .filter((one) => one.row.epoch === one.epoch)
      .map(({ row }) => this.#own(row, owner, leaseMs));
  }

  #own(row: Row, owner: string, leaseMs: number): ShardRow {
    const next = { ...row, epoch: epoch(row.epoch + 1), owner, leaseUntilUs: this.#clock.now() + leaseMs * 1000 };
    this.#rows[row.shard] = next;
    return { ...next };
  }

  async renew(owner: string, leaseMs: number): Promise<readonly Shard[]> {
    this.#check();
    this.#renewedUs.set(owner, this.#clock.now());
    const mine = this.#rows.filter((row) => row.owner === owner);
    for (const row of mine) row.leaseUntilUs = this.#clock.now() + leaseMs * 1000;
    return mine.map((row) => row.shard);
  }

  async living(withinMs: number): Promise<readonly string[]> {
    this.#check();
    const since = this.#clock.now() - withinMs * 1000;
    return [...this.#renewedUs].filter(([, renewedUs]) => renewedUs >= since).map(([owner]) => owner);
  }

  async leave(owner: string): Promise<void> {
    this.#check();
    this.#renewedUs.delete(owner);
  }

  async release(owner: string, held: readonly { shard: Shard; epoch: Epoch }[]): Promise<void> {
    this.#check();
    for (const one of held) {
      const row = this.#rows[one.shard] as Row;
      if (row.owner === owner && row.epoch === one.epoch)
        this.#rows[one.shard] = { ...row, owner: null, leaseUntilUs: 0, probation: null };
    }
  }

  async commit(parts: readonly CommitPart[]): Promise<CommitOutcome> {
    this.#check();
    const fault = this.fault(parts);
    if (fault === 'unavailable')
      throw new AstraError('unavailable', 'postgres_unavailable', 'the store does not answer');
    if (fault === 'lost-before') throw unknownOutcome();
    if (parts.some(({ events }) => events.some((event) => this.refuses(event))))
      throw new AstraError('rejected', 'data_refused', 'the store refuses the data');
    const written = new Set<Shard>();
    for (const part of parts) {
      const row = this.#rows[part.shard] as Row;
      // I2: under its epoch, right behind its previous seq, or not at all.
      if (row.epoch !== part.epoch || row.seq !== part.previousSeq) continue;
      this.#rows[part.shard] = {
        ...row,
        seq: part.seq,
        hash: part.hash,
        at: part.at,
        lane: part.lane,
        sent: part.sent ?? row.sent,
        got: part.got ?? row.got,
        unconfirmedSeq: part.unconfirmedSeq,
        evtSeq: seq(Math.max(row.evtSeq, part.evtSeq)),
        flushedSeq: seq(Math.max(row.flushedSeq, part.flushedSeq)),
        probation: part.probation,
      };
      (this.#events[part.shard] as StoredEvent[]).push(...part.events);
      (this.#commands[part.shard] as RememberedCommand[]).push(...part.commands);
      written.add(part.shard);
    }
    if (fault === 'lost-after') throw unknownOutcome();
    return { written, now: this.#clock.now() };
  }

  async *read(of: Shard, after: Seq, upTo?: Seq): AsyncIterable<readonly StoredEvent[]> {
    for (let from = after as number; ; from += pageEvents) {
      this.#check();
      const end = Math.min(from + pageEvents, upTo ?? Number.MAX_SAFE_INTEGER);
      const page = (this.#events[of] as StoredEvent[]).slice(from, end);
      if (page.length === 0) return;
      yield page;
    }
  }

  async readActors(of: Shard, actors: readonly ActorRange[]): Promise<ActorsRead> {
    this.#check();
    const snapshots: StoredSnapshot[] = [];
    const wanted = new Map<string, (ActorRange & { readonly after: number })[]>();
    for (const range of actors) {
      const { org, key, snapshot } = range;
      const found = snapshot && this.#snapshots[of]?.get(nameOf(org, snapshot.actorType, key));
      const fits = found?.behaviorVersion === snapshot?.behaviorVersion ? found : undefined;
      if (fits) snapshots.push(fits);
      const name = `${org}/${key.subarray(0, 16).toString('hex')}`;
      wanted.set(name, [...(wanted.get(name) ?? []), { ...range, after: fits?.seq ?? 0 }]);
    }
    const events = (this.#events[of] as StoredEvent[]).filter(({ org, actorKey, seq }) =>
      wanted
        .get(`${org}/${actorKey.subarray(0, 16).toString('hex')}`)
        ?.some(
          ({ key, family, after }) =>
            seq > after && (family ? actorKey.subarray(0, key.length).equals(key) : actorKey.equals(key)),
        ),
    );
    return { snapshots, events };
  }

  async writeSnapshots(part: SnapshotPart): Promise<'written' | 'fenced' | 'deleted'> {
    this.#check();
    if (this.#rows[part.shard]?.epoch !== part.epoch) return 'fenced';
    const before = this.#wholeTo[part.shard];
    if (before === undefined && !part.begins) return 'deleted';
    this.#wholeTo[part.shard] = seq(Math.max(before ?? 0, part.wholeTo));
    const kept = this.#snapshots[part.shard] as Map<string, StoredSnapshot>;
    for (const one of part.snapshots) {
      const name = nameOf(one.org, one.actorType, one.actorKey);
      const had = kept.get(name);
      const isNewer =
        had && (one.seq > had.seq || (one.seq === had.seq && one.behaviorVersion !== had.behaviorVersion));
      if (!had || isNewer) kept.set(name, one);
    }
    for (const { org, actorType, actorKey, seq } of part.ended) {
      const name = nameOf(org, actorType, actorKey);
      if ((kept.get(name)?.seq ?? Number.POSITIVE_INFINITY) <= seq) kept.delete(name);
    }
    return 'written';
  }

  async snapshotsWholeTo(of: Shard): Promise<Seq | undefined> {
    this.#check();
    return this.#wholeTo[of];
  }

  async dueActors(of: Shard, which: DueWithin | OtherVersions): Promise<readonly DueActor[]> {
    this.#check();
    return this.snapshots(of)
      .flatMap((one) => (one.due === null ? [] : [{ ...one, due: one.due }]))
      .filter(({ due, actorType, behaviorVersion }) =>
        'than' in which ? which.than.get(actorType) !== behaviorVersion : due > which.after && due <= which.upTo,
      )
      .sort((a, b) => a.due - b.due);
  }

  /** The snapshots of a shard, for checkers. */
  snapshots(of: Shard): readonly StoredSnapshot[] {
    return [...(this.#snapshots[of] as Map<string, StoredSnapshot>).values()];
  }

  /** Deletes every snapshot, as an operator may. */
  deleteSnapshots(): void {
    for (const kept of this.#snapshots) kept.clear();
    this.#wholeTo.fill(undefined);
  }

  async findCommands(of: Shard, commandIds: readonly string[]): Promise<readonly RememberedCommand[]> {
    this.#check();
    const now = this.#clock.now();
    return (this.#commands[of] as RememberedCommand[]).filter(
      ({ commandId, expiresAt }) => expiresAt > now && commandIds.includes(commandId),
    );
  }

  async heads(shards?: readonly Shard[]): Promise<readonly ShardRow[]> {
    this.#check();
    return this.#rows.filter((row) => !shards || shards.includes(row.shard));
  }

  async raiseGeneration(from: Generation): Promise<{ generation: Generation; raised: boolean }> {
    this.#check();
    const raised = this.#generation === from;
    if (raised) this.#generation = generation(from + 1);
    return { generation: this.#generation, raised };
  }

  async subjectKeys(org: string, subjects: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    this.#check();
    return new Map(
      subjects.map((subject) => {
        const name = `${org}\0${subject}`;
        const key = this.#keys.get(name) ?? {
          kid: this.#random.bytes(12).toString('hex'),
          key: this.#random.bytes(32),
        };
        this.#keys.set(name, key);
        this.#kids.set(key.kid, key);
        return [subject, key];
      }),
    );
  }

  async keysById(kids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
    this.#check();
    return new Map(
      kids.flatMap((kid) => (this.#kids.has(kid) ? [[kid, this.#kids.get(kid) as SubjectKey] as const] : [])),
    );
  }

  async close(): Promise<void> {}

  #check(): void {
    if (!this.up) throw new AstraError('unavailable', 'postgres_unavailable', 'the store does not answer');
  }
}

const nameOf = (org: string, actorType: string, actorKey: Buffer): string =>
  `${org}/${actorType}/${actorKey.toString('hex')}`;

const unknownOutcome = (): AstraError =>
  new AstraError('indeterminate', 'commit_outcome_unknown', 'the connection ended during a commit');
