import { type Address, addressKey } from './address.ts';
import { mailboxBytesMax, mailboxCommandsMax, mailboxReleaseMax, orgMailboxCommandsMax } from './bounds.ts';
import type { Micros, Shard } from './brand.ts';
import type { ActorCache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { Envelope, Reply } from './envelope.ts';
import type { Problem } from './errors.ts';
import { supervisorOf } from './failing.ts';
import type { Live } from './live.ts';
import { bytesOf, deferral, mailboxFull, orgFull, release, shardFull } from './mailbox.ts';
import type { Registry } from './registry.ts';
import { withSubject } from './subject.ts';
import { type Deferred, heldBack, type SupervisionState, supervisionType } from './supervision.ts';
import type { Unit } from './unit.ts';

export type Answerer = (reply: Reply) => void;

/**
 * How a message stands to what waits for its actor: its actor, or its org, has more than its share, or others wait there already (it
 * goes into the mailbox); it was released from there (it is decided); it is of a batch, which is answered as a whole (it does not wait).
 */
export type Standing = 'actor exceeds' | 'org exceeds' | 'waits' | 'released' | 'batch';

export interface Message {
  readonly envelope: Envelope;
  readonly answer: Answerer | undefined;
  readonly standing?: Standing | undefined;
}

/** A command of a lane that exceeds a share. */
export interface Excess extends Deferred {
  readonly standing: Standing | undefined;
}

export interface DeferringParts {
  readonly shard: Shard;
  readonly registry: Registry;
  readonly cache: ActorCache;
  readonly clock: Clock;
  /** Has a keeper decide, in this unit. */
  readonly tell: (keeper: Live, unit: Unit, envelope: Envelope) => void | Promise<void>;
  readonly park: (unit: Unit, what: Envelope, problem: Problem) => void | Promise<void>;
  readonly answerer: (unit: Unit, envelope: Envelope) => Answerer | undefined;
}

/**
 * Keeps commands for later, in the log of who watches over their actor (docs/adr/0020-mailboxes-in-the-log.md):
 *
 *   open ─(more than its share of a window, or held back)─▶ it has a mailbox: what comes for it goes behind what is there
 *    ▲                                                          │
 *    └──────────(the last of it was decided, and it may go on)──┘
 *
 * Nothing overtakes what waits in a mailbox but the reports of workers, and nothing is lost by waiting: the command is there
 * with the commit that moves the lane past it, and leaves with the one that decides it.
 */
export class Deferring {
  readonly #parts: DeferringParts;

  constructor(parts: DeferringParts) {
    this.#parts = parts;
  }

  /** Whether the message is dealt with: kept, refused or parked. Otherwise it is to be decided now. */
  keep(actor: Live, unit: Unit, message: Message, queue: Message[], now: Micros): boolean | Promise<boolean> {
    const { standing } = message;
    if (standing === 'released') return false;
    const keeper = this.#parts.cache.mailboxes.find(actor.name);
    if (!keeper && standing !== 'actor exceeds' && standing !== 'org exceeds') return false;
    const own = { ...message, envelope: withSubject(message.envelope, actor) };
    if (!keeper) return this.#begin(unit, own, queue);
    if ((keeper.state as SupervisionState).status !== 'running') return this.#hold(keeper, unit, own, now);
    return standing === 'batch' ? false : this.#defer(keeper, unit, own, queue);
  }

  /**
   * Keeps what came one behind the other and exceeds somebody's share: with one event for each actor, so that to defer costs a
   * part of what to decide does. Returns those that are to be decided now, each as if it had come alone.
   */
  async keepAll(unit: Unit, run: readonly Excess[]): Promise<readonly Excess[]> {
    const kept = new Map<string, { readonly keeper: Live; readonly commands: Deferred[]; bytes: number }>();
    const others: Excess[] = [];
    const passed = new Set<string>();
    for (const excess of run) {
      const { command, bytes } = excess;
      const name = addressKey(command.to);
      let box = kept.get(name);
      if (!box) {
        const keeper = this.#parts.cache.mailboxes.find(name) ?? (await this.#keeperOf(command.to));
        box = { keeper, commands: [], bytes: 0 };
        kept.set(name, box);
      }
      const state = box.keeper.state as SupervisionState | undefined;
      const isHeldBack = state !== undefined && state.status !== 'running';
      // What may be personal is sealed with its actor's key, one an event.
      const actor = this.#parts.cache.find(command.to);
      const isPlain = actor !== undefined && actor.subject === undefined && command.subject === undefined;
      const problem = this.#shortage(state, excess, box.commands.length, box.bytes + bytes);
      if (problem && !isHeldBack && command.replyTo !== undefined)
        this.#parts.answerer(unit, command)?.({ ok: false, problem });
      else if (problem || isHeldBack || !isPlain || passed.has(name)) {
        // What comes behind one that is decided now must not go before it.
        passed.add(name);
        others.push(excess);
      } else {
        box.commands.push({ command, bytes });
        box.bytes += bytes;
      }
    }
    for (const { keeper, commands } of kept.values()) {
      const [first, ...more] = commands;
      if (first) await this.#put(keeper, unit, [first, ...more]);
    }
    return others;
  }

  /** The first one of a mailbox: whoever would keep it may be out of memory. */
  #begin(unit: Unit, message: Message, queue: Message[]): boolean | Promise<boolean> {
    const keeper = this.#keeperOf(message.envelope.to);
    if (!(keeper instanceof Promise)) return this.#defer(keeper, unit, message, queue);
    return keeper.then((live) => this.#defer(live, unit, message, queue));
  }

  #keeperOf(of: Address): Live | Promise<Live> {
    const { cache, clock, registry, shard } = this.#parts;
    const prefix = registry.ids(supervisionType)?.prefix;
    if (prefix === undefined) throw new Error(`no behavior for ${supervisionType}`);
    const address = supervisorOf(of, shard, prefix);
    const keeper = cache.find(address);
    return keeper ?? cache.load([address], clock.monotonicMs()).then(() => cache.find(address) as Live);
  }

  #defer(keeper: Live, unit: Unit, message: Message, queue: Message[]): boolean | Promise<boolean> {
    const { envelope, answer } = message;
    const state = keeper.state as SupervisionState | undefined;
    const bytes = bytesOf(envelope);
    const problem = this.#shortage(state, { command: envelope, standing: message.standing }, 0, bytes);
    if (!problem) return this.#put(keeper, unit, [{ command: envelope, bytes }]);
    if (answer) {
      answer({ ok: false, problem });
      return true;
    }
    // Nobody waits who could come again, so it is not refused: those before it go first, so many that there is room.
    if (!state || state.deferred.length === 0) return false;
    return this.#letGo(keeper, state, bytes, unit, queue).then(() => {
      if (bytes <= mailboxBytesMax) return this.#put(keeper, unit, [{ command: envelope, bytes }]);
      queue.push({ ...message, standing: 'released' });
      return true;
    });
  }

  /** Why one more cannot be kept, behind so many that are about to be; `bytes` are those of all of them. */
  #shortage(
    state: SupervisionState | undefined,
    { command: { to }, standing }: Pick<Excess, 'command' | 'standing'>,
    before: number,
    bytes: number,
  ): Problem | undefined {
    const { mailboxes } = this.#parts.cache;
    if (isFull(state, bytes, before)) return mailboxFull(to);
    if (!mailboxes.hasRoom(bytes)) return shardFull;
    return standing === 'org exceeds' && mailboxes.commandsOf(to.org) >= orgMailboxCommandsMax ? orgFull : undefined;
  }

  #put(keeper: Live, unit: Unit, commands: readonly [Deferred, ...Deferred[]]): boolean | Promise<boolean> {
    const told = this.#parts.tell(keeper, unit, deferral(keeper, commands));
    return told ? told.then(() => true) : true;
  }

  /** Has the oldest decided behind what this unit is about, in their order. */
  async #letGo(keeper: Live, state: SupervisionState, bytes: number, unit: Unit, queue: Message[]): Promise<void> {
    let count = 0;
    let left = state.deferredBytes + bytes;
    for (const one of state.deferred) {
      if (count >= mailboxReleaseMax && left <= mailboxBytesMax) break;
      left -= one.bytes;
      count++;
    }
    const released = state.deferred.slice(0, count);
    await this.#parts.tell(keeper, unit, release(keeper, count, released[0]?.command));
    for (const { command } of released)
      if (command) queue.push({ envelope: command, answer: this.#parts.answerer(unit, command), standing: 'released' });
  }

  /** Its actor is held back: who waits is told so, and what nobody waits for is kept until it goes on. */
  #hold(keeper: Live, unit: Unit, { envelope, answer }: Message, now: Micros): boolean | Promise<boolean> {
    const state = keeper.state as SupervisionState;
    if (answer) {
      answer({ ok: false, problem: heldBack(state, keeper.address, now) });
      return true;
    }
    const bytes = bytesOf(envelope);
    if (!isFull(state, bytes)) return this.#put(keeper, unit, [{ command: envelope, bytes }]);
    const parked = this.#parts.park(unit, envelope, mailboxFull(state.of));
    return parked ? parked.then(() => true) : true;
  }
}

const isFull = (state: SupervisionState | undefined, bytes: number, before = 0): boolean =>
  (state?.deferred.length ?? 0) + before >= mailboxCommandsMax || (state?.deferredBytes ?? 0) + bytes > mailboxBytesMax;
