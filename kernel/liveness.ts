import type { Work, WorkRoute } from './behavior.ts';
import { heartbeatGraceMs, livenessMs, loopLateMs, workerSilenceMs } from './bounds.ts';
import type { Clock } from './clock.ts';
import type { Capacity } from './dispatcher.ts';
import type { Json } from './envelope.ts';
import type { Live } from './live.ts';

/**
 * Who is alive (docs/architecture.md, "Workers"). Every kernel process hears all heartbeats and judges what its
 * own shards have given away. Silence counts only while this process could have heard: its connection up, its loop on
 * time. A new incarnation, or an attempt that two heartbeats in a row do not name, is lost at once.
 */

/** `astra.hb.<org>.<workerId>` */
export interface Heartbeat {
  readonly incarnation: string;
  readonly slots: number;
  readonly free: number;
  readonly pools: readonly string[];
  readonly types: readonly string[];
  readonly running: readonly { readonly taskId: string; readonly attempt: number }[];
}

/** What liveness decides; the kernel turns it into commands and messages. */
export interface Verdicts {
  /** An attempt is lost. */
  attemptLost(live: Live, work: HeldWork, reason: string): void;
  /** A watched actor's incarnation is silent. */
  presenceLost(live: Live, incarnation: string, reason: string): void;
  /** A watched actor, or one that may be, is heard (again). False when nobody could be told. */
  presenceHeard(actor: { org: string; id: string }, incarnation: string): boolean;
  /** The answer to a heartbeat. */
  answer(org: string, worker: string, message: Json): void;
  /** Whether the actor's shard is this process's, and what became of it there, as far as that is committed (I1). */
  standing(org: string, actorId: string): 'elsewhere' | 'gone' | Live;
  ownedShards(): readonly number[];
}

export type HeldWork = Extract<Work, { phase: 'held' }>;

interface Held {
  readonly live: Live;
  readonly work: HeldWork;
  readonly sinceMs: number;
  misses: number;
}

interface Worker {
  readonly org: string;
  readonly id: string;
  incarnation: string | undefined;
  heardMs: number;
  slots: number;
  pools: ReadonlySet<string>;
  types: ReadonlySet<string>;
  lost: boolean;
  readonly held: Map<Live, Held>;
  presence: { live: Live; incarnation: string } | undefined;
  /** Incarnation whose return was told since it was last lost (or since this process began). */
  toldHeard: string | undefined;
}

export class Liveness implements Capacity {
  readonly #clock: Clock;
  readonly #verdicts: Verdicts;
  readonly #workers = new Map<string, Worker>();
  readonly #onCapacity: () => void;
  #cancel: (() => void) | undefined;
  #lookedMs: number;
  /** Since when this process hears heartbeats. */
  #listeningMs: number;
  #connected = true;

  constructor(clock: Clock, verdicts: Verdicts, onCapacity: () => void) {
    this.#clock = clock;
    this.#verdicts = verdicts;
    this.#onCapacity = onCapacity;
    this.#lookedMs = clock.monotonicMs();
    this.#listeningMs = this.#lookedMs;
  }

  start(): void {
    this.#lookedMs = this.#clock.monotonicMs();
    this.#again();
  }

  stop(): void {
    this.#cancel?.();
  }

  connection(state: 'lost' | 'back'): void {
    this.#connected = state === 'back';
    this.#listeningMs = this.#clock.monotonicMs();
    if (this.#connected) this.#excuse();
  }

  free(org: string, pool: string): number {
    let free = 0;
    for (const worker of this.#workers.values())
      if (worker.org === org && this.#alive(worker) && worker.pools.has(pool))
        free += Math.max(0, worker.slots - worker.held.size);
    return free;
  }

  serves(org: string, pool: string, type: string): boolean {
    for (const worker of this.#workers.values())
      if (worker.org === org && this.#alive(worker) && worker.pools.has(pool) && worker.types.has(type)) return true;
    return false;
  }

  /** How many attempts one message for this pool should carry: its free slots over its live workers, rounded up. */
  perWorker(org: string, pool: string): number {
    let workers = 0;
    for (const worker of this.#workers.values())
      if (worker.org === org && this.#alive(worker) && worker.pools.has(pool)) workers++;
    return workers === 0 ? 1 : Math.ceil(this.free(org, pool) / workers);
  }

  /** Ids of the live workers of an org that serve a pool's type; undefined while some may not have been heard yet. */
  serving(org: string, { pool, type }: WorkRoute): readonly string[] | undefined {
    if (!this.#connected || this.#clock.monotonicMs() - this.#listeningMs <= workerSilenceMs) return undefined;
    const out: string[] = [];
    for (const worker of this.#workers.values())
      if (worker.org === org && this.#alive(worker) && worker.pools.has(pool) && worker.types.has(type))
        out.push(worker.id);
    return out;
  }

  changed(live: Live, before: Work | undefined, after: Work | undefined): void {
    if (before?.phase === 'held') this.#worker(live.address.org, before.worker).held.delete(live);
    if (after?.phase === 'held')
      this.#worker(live.address.org, after.worker).held.set(live, {
        live,
        work: after,
        sinceMs: this.#clock.monotonicMs(),
        misses: 0,
      });
  }

  presence(live: Live, incarnation: string | undefined): void {
    const worker = this.#worker(live.address.org, live.address.id);
    worker.presence = incarnation === undefined ? undefined : { live, incarnation };
    // It may have been heard before it was known: it is told at its next heartbeat.
    if (incarnation !== undefined) worker.toldHeard = undefined;
  }

  heard(org: string, id: string, beat: Heartbeat): void {
    const now = this.#clock.monotonicMs();
    const worker = this.#worker(org, id);
    const before = worker.incarnation;
    worker.heardMs = now;
    worker.incarnation = beat.incarnation;
    worker.slots = beat.slots;
    worker.pools = new Set(beat.pools);
    worker.types = new Set(beat.types);
    const wasLost = worker.lost;
    worker.lost = false;
    if (wasLost || before !== beat.incarnation) worker.toldHeard = undefined;
    if (worker.toldHeard !== beat.incarnation) {
      // First, because being told may make the actor watched, which asks for it to be told again.
      worker.toldHeard = beat.incarnation;
      if (!this.#verdicts.presenceHeard({ org, id }, beat.incarnation)) worker.toldHeard = undefined;
    }
    const running = new Set(beat.running.map(({ taskId, attempt }) => `${taskId}:${attempt}`));
    for (const held of [...worker.held.values()]) {
      if (held.work.incarnation !== beat.incarnation) {
        this.#verdicts.attemptLost(held.live, held.work, 'worker_replaced');
      } else if (running.has(`${held.live.address.id}:${held.work.attempt}`)) held.misses = 0;
      else if (now - held.sinceMs > heartbeatGraceMs && ++held.misses >= 2) {
        held.misses = 0;
        this.#verdicts.attemptLost(held.live, held.work, 'attempt_not_running');
      }
    }
    this.#verdicts.answer(org, id, {
      shards: this.#verdicts.ownedShards() as readonly number[],
      stop: this.#stops(org, id, beat),
      signals: [],
      ...(this.#isRetiring(worker, beat) ? { drain: true } : null),
    });
    this.#onCapacity();
  }

  /** Whether this very incarnation is to go, as far as its shard is here and that is committed. */
  #isRetiring({ org, id, presence }: Worker, { incarnation }: Heartbeat): boolean {
    if (presence?.incarnation !== incarnation) return false;
    const standing = this.#verdicts.standing(org, id);
    if (standing === 'elsewhere' || standing === 'gone') return false;
    const { behavior, state } = standing;
    return state !== undefined && behavior.retiring?.(state) === true;
  }

  /** What a worker says it runs although it has ended here. */
  #stops(org: string, id: string, beat: Heartbeat): Json {
    const out: Json[] = [];
    for (const { taskId, attempt } of beat.running) {
      const standing = this.#verdicts.standing(org, taskId);
      if (standing === 'elsewhere') continue;
      if (standing !== 'gone') {
        const { work } = standing;
        if (work?.phase === 'held' && work.attempt === attempt && work.worker === id) continue;
        // Its claim may be on the way.
        if (work?.phase === 'offered' && work.attempt === attempt) continue;
      }
      out.push({ taskId, attempt, reason: 'ended' });
    }
    return out;
  }

  #worker(org: string, id: string): Worker {
    const name = `${org}/${id}`;
    let worker = this.#workers.get(name);
    if (!worker) {
      worker = {
        org,
        id,
        incarnation: undefined,
        // What nobody told us, such as who was heard, starts with a full grace period.
        heardMs: this.#clock.monotonicMs(),
        slots: 0,
        pools: new Set(),
        types: new Set(),
        lost: false,
        held: new Map(),
        presence: undefined,
        toldHeard: undefined,
      };
      this.#workers.set(name, worker);
    }
    return worker;
  }

  #alive(worker: Worker): boolean {
    return !worker.lost && worker.incarnation !== undefined;
  }

  #excuse(): void {
    const now = this.#clock.monotonicMs();
    for (const worker of this.#workers.values()) worker.heardMs = now;
  }

  #again(): void {
    this.#cancel = this.#clock.after(livenessMs, () => {
      this.look();
      this.#again();
    });
  }

  /** Judges silence. Called by its own ticking; a simulation may call it. */
  look(): void {
    const now = this.#clock.monotonicMs();
    const late = now - this.#lookedMs > livenessMs + loopLateMs;
    this.#lookedMs = now;
    if (late || !this.#connected) {
      this.#excuse();
      return;
    }
    for (const [name, worker] of this.#workers) {
      if (now - worker.heardMs <= workerSilenceMs) continue;
      worker.lost = true;
      for (const held of [...worker.held.values()]) this.#verdicts.attemptLost(held.live, held.work, 'worker_silent');
      if (worker.presence)
        this.#verdicts.presenceLost(worker.presence.live, worker.presence.incarnation, 'worker_silent');
      // Asked again after another span of silence if the verdict got lost.
      worker.heardMs = now;
      if (worker.held.size === 0 && !worker.presence) this.#workers.delete(name);
    }
  }
}
