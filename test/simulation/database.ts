import { type Micros, micros } from '../../kernel/brand.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AstraError } from '../../kernel/errors.ts';
import type { CommitOutcome, CommitPart, Log, ShardRow, SnapshotPart, SubjectKey } from '../../kernel/log.ts';
import { MemoryLog } from '../../kernel/memory/log.ts';
import { seededRandom } from '../../kernel/random.ts';
import type { Dice } from './dice.ts';
import type { Fate, SimProcess } from './process.ts';
import type { Time } from './time.ts';

/** Where the database's clock stands when a run begins: 2027, in milliseconds. */
export const epochMs = 1_800_000_000_000;

/** The clock of the database's machine: everybody's time, and it may jump. */
class DatabaseClock implements Clock {
  readonly #time: Time;
  jumpedMs = 0;

  constructor(time: Time) {
    this.#time = time;
  }

  now(): Micros {
    return micros(Math.round((epochMs + this.jumpedMs + this.#time.nowMs) * 1000));
  }

  monotonicMs(): number {
    return this.#time.nowMs;
  }

  anchor(): void {}

  after(delayMs: number, callback: () => void): () => void {
    return this.#time.after(delayMs, callback);
  }
}

export interface DatabaseObserver {
  /** Shards that a claim, of whatever kind, has given to an owner. */
  claimed(owner: string, rows: readonly ShardRow[]): void;
  /** A commit was carried out; `parts` are as they were asked for. */
  committed(parts: readonly CommitPart[], outcome: CommitOutcome): void;
  /** These states are to be kept. */
  kept(part: SnapshotPart): void;
}

/** How a planted bug changes what a commit does. */
export type Carry = (parts: readonly CommitPart[], log: MemoryLog) => readonly CommitPart[];

/** Postgres: the event store in memory on its own machine, as processes reach it over connections that die. */
export class Database {
  readonly clock: DatabaseClock;
  readonly log: MemoryLog;
  /** How likely a call is not to come back as it should. */
  trouble = 0;
  /** Claims may give a part of what is free, so that owners come to share the shards. */
  divides = false;
  /** Milliseconds that the disk adds. */
  diskMs = 0;
  carry: Carry = (parts) => parts;
  /** The subjects' keys, as the store has them. */
  readonly #keys = new Map<string, SubjectKey>();
  readonly #observer: DatabaseObserver;

  constructor(time: Time, shards: number, observer: DatabaseObserver) {
    this.clock = new DatabaseClock(time);
    this.log = new MemoryLog(this.clock, seededRandom(Buffer.from('database')), shards);
    this.#observer = observer;
  }

  /** The store as one process has it. */
  portOf(process: SimProcess): Log {
    const { log } = this;
    const call = <T>(name: string, act: () => Promise<T>): Promise<T> =>
      process.call(this.#fate(process.dice, name), act);
    return new Proxy(log as Log, {
      get: (_log, name: keyof Log) => {
        if (name === 'commit') return (parts: readonly CommitPart[]) => call(name, () => this.#commit(parts));
        if (name === 'claim')
          return (...args: Parameters<Log['claim']>) => call(name, () => this.#claim(process.dice, ...args));
        if (name === 'reclaim')
          return (...args: Parameters<Log['reclaim']>) =>
            call(name, async () => this.#claimed(args[0], await log.reclaim(...args)));
        if (name === 'read')
          return async function* read(...args: Parameters<Log['read']>) {
            const pages = log.read(...args)[Symbol.asyncIterator]();
            for (
              let next = await call(name, () => pages.next());
              !next.done;
              next = await call(name, () => pages.next())
            )
              yield next.value;
          };
        if (name === 'writeSnapshots')
          return (part: SnapshotPart) =>
            call(name, () => {
              this.#observer.kept(part);
              return log.writeSnapshots(part);
            });
        if (name === 'subjectKeys')
          return (...args: Parameters<Log['subjectKeys']>) =>
            call(name, async () => {
              const keys = await log.subjectKeys(...args);
              for (const key of keys.values()) this.#keys.set(key.kid, key);
              return keys;
            });
        const method = log[name] as unknown as (...args: readonly unknown[]) => Promise<unknown>;
        return (...args: readonly unknown[]) => call(name, () => method.apply(log, args as unknown[]));
      },
    });
  }

  readonly key = (kid: string): SubjectKey | undefined => this.#keys.get(kid);

  async #claim(dice: Dice, ...args: Parameters<Log['claim']>): Promise<readonly ShardRow[]> {
    const [owner, leaseMs, wanted, most] = args;
    const some = this.divides ? wanted?.filter(() => dice.chance(0.5)) : wanted;
    return this.#claimed(owner, await this.log.claim(owner, leaseMs, some, most));
  }

  #claimed(owner: string, rows: readonly ShardRow[]): readonly ShardRow[] {
    this.#observer.claimed(owner, rows);
    return rows;
  }

  async #commit(parts: readonly CommitPart[]): Promise<CommitOutcome> {
    const outcome = await this.log.commit(this.carry(parts, this.log));
    this.#observer.committed(parts, outcome);
    return outcome;
  }

  #fate(dice: Dice, name: string): Fate {
    const writes = name === 'commit';
    const requestMs = dice.between(0.05, 0.4) + (writes ? dice.between(0, 1) * this.diskMs : 0);
    const responseMs = dice.between(0.05, 0.4) + (writes ? dice.between(0, 1) * this.diskMs : 0);
    if (!dice.chance(this.trouble)) return { requestMs, responseMs };
    const lost = dice.pick(
      writes ? (['request', 'response', 'late', 'refused'] as const) : (['request', 'response'] as const),
    );
    if (lost === 'refused') return { requestMs, responseMs, lost: 'request', error: unavailable };
    return {
      requestMs: requestMs + dice.between(0, 200),
      responseMs,
      lost,
      error: writes ? unknownOutcome : unavailable,
    };
  }
}

const unavailable = (): Error => new AstraError('unavailable', 'postgres_unavailable', 'the store does not answer');
const unknownOutcome = (): Error =>
  new AstraError('indeterminate', 'commit_outcome_unknown', 'the connection ended during a commit');
