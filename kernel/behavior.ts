import type { Address, IdFormat } from './address.ts';
import type { Micros, Seq } from './brand.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';

/**
 * A behavior: the pure definition of an actor type (I5). No I/O, no clock, no chance: what they need comes in through
 * their arguments, so that replaying a log gives the same states, bit for bit.
 */

/** A fact as behaviors name it: discriminated by `type`. */
export interface Fact {
  readonly type: string;
  readonly data: object;
}

/** What the kernel adds to a fact. */
export interface Stamp {
  readonly actor: Address;
  /** Place among the actor's own events: 1, 2, 3 … */
  readonly version: number;
  /** Place in the shard's log. */
  readonly seq: Seq;
  readonly at: Micros;
}

/** A fact with its stamp, as `evolve` and `react` see it. */
export type Stamped<E extends Fact> = E & Stamp;

/** What `decide` may know beside state and command. */
export interface DecideContext {
  readonly self: Address;
  /** The moment of this decision: the `at` of its events. */
  readonly now: Micros;
  /** The command's id, principal and idempotency, as it arrived. */
  readonly envelope: Envelope;
  /** 0 ≤ x < 1, from a generator seeded with SHA-256(actor key ‖ version ‖ command id). */
  random(): number;
  /** A new UUIDv7 id with this prefix, from the same generator and `now`. */
  id(prefix: string): string;
  /** A new pinned id on the deciding shard (dead letters). */
  pinnedId(prefix: string): string;
  /** For a member of a family: the state of its head. */
  readonly head?: unknown;
  /**
   * Ids of the live workers of this org that may take work of this route, as this process hears them; undefined while it has not
   * listened for long enough to know.
   */
  serving(route: WorkRoute): readonly string[] | undefined;
}

/** What a decision comes to. */
export type Decision<E extends Fact> =
  /**
   * Facts, and the answer; `delegated` when an effect of theirs carries the caller on and answers instead; `problem` when the
   * caller is refused although something had to be noted.
   */
  | {
      readonly kind: 'events';
      readonly events: readonly E[];
      readonly data?: Json;
      readonly delegated?: boolean;
      readonly problem?: Problem;
    }
  /** `isKept`: where nobody waits for the answer, the command becomes a dead letter instead of being lost. */
  | { readonly kind: 'refused'; readonly problem: Problem; readonly isKept?: boolean }
  /** It was done before: the same answer, no fact. */
  | { readonly kind: 'repeated'; readonly data?: Json }
  /** Another actor has to answer: the command goes there unrecorded, on its lane, behind the commit. */
  | { readonly kind: 'redirected'; readonly to: Address; readonly verb: string; readonly body: Json };

/** What an event causes outside its actor. */
export type Effect =
  | {
      readonly kind: 'send';
      readonly to: Address;
      readonly verb: string;
      readonly body: Json;
      /** The receiver answers the caller of the command that caused this. */
      readonly delegate?: boolean;
      /** Sent as this command, which came from outside before: it keeps its id, its idempotency, whose data it carries and, where that is said, who asked. */
      readonly as?: Pick<Envelope, 'id' | 'keyed' | 'fingerprint' | 'subject'> & { readonly principal?: string };
    }
  /** Work or timers of these members of the family may have changed without an event of theirs. Not recorded. */
  | { readonly kind: 'touch'; readonly members: readonly string[] }
  /** Told to the worker that holds this actor's work. Best effort, not recorded. */
  | { readonly kind: 'signal'; readonly name: string; readonly payload: Json };

/** The command behind an event, as far as `react` may see it. */
export interface Cause {
  readonly verb: string;
  readonly body: Json;
}

/** A moment an actor waits for. A firing is the command `timer` with body `{ name, generation }`; a stale one is ignored. */
export interface Timer {
  readonly name: string;
  readonly at: Micros;
  readonly generation: number;
}

/** What an actor wants of workers, derived from its state after every change (never recorded). */
export type Work =
  /** Ready to be offered: the dispatcher sends `offer` when there is credit. */
  | { readonly phase: 'ready'; readonly route: WorkRoute; readonly priority: number; readonly since: Micros }
  /** Offered: the message for `attempt` is or will be in WORK; `offer` counts how often this attempt was offered. */
  | {
      readonly phase: 'offered';
      readonly route: WorkRoute;
      readonly priority: number;
      readonly since: Micros;
      readonly attempt: number;
      readonly offer: number;
    }
  /** Claimed by an incarnation of a worker. */
  | {
      readonly phase: 'held';
      readonly route: WorkRoute;
      readonly attempt: number;
      readonly worker: string;
      readonly incarnation: string;
    };

/** Where an attempt is queued: who of an org's workers may take it. */
export interface WorkRoute {
  readonly pool: string;
  readonly type: string;
}

/**
 * The definition of an actor type. `S` is its state, `E` its facts. An actor without events has state `undefined`.
 * `evolve` owns the state it is given and may change it in place; who keeps an old state clones it first.
 */
export interface Behavior<S = unknown, E extends Fact = Fact> {
  readonly type: string;
  readonly ids: IdFormat;
  /** Version of the state's shape: a snapshot of another version is ignored. */
  readonly version: number;
  /** Every event type with the schema version written today. */
  readonly events: Readonly<Record<E['type'], number>>;
  decide(state: S | undefined, verb: string, body: Json, context: DecideContext): Decision<E>;
  evolve(state: S | undefined, event: Stamped<E>): S;
  /** Runs once, before the commit, right behind `evolve`; what it sends is recorded (I4). `cause` is the command that made the event. */
  react?(state: S, event: Stamped<E>, cause: Cause): readonly Effect[];
  timers?(state: S, head?: unknown): readonly Timer[];
  work?(state: S, head?: unknown): Work | undefined;
  /** What a WORK message carries for the attempt that is offered (docs/nats.md, "Working"). */
  attempt?(state: S, self: Address, head?: unknown): Json;
  /** Nothing is left to do: it may leave memory, and no recovery has to look for it. */
  idle(state: S): boolean;
  /** The incarnation whose heartbeats prove that it lives, for actors that are watched (workers): `lost` and `returned` tell it. */
  presence?(state: S): string | undefined;
  /** One that is watched is to finish what it has and to go: the answers to its heartbeats say so. */
  retiring?(state: S): boolean;
  /** It has to be in memory, whatever it waits for: others are looked at by what it says. */
  resident?(state: S): boolean;
  /** Whose personal data this actor holds, if anybody's. */
  subject?(state: S, head?: unknown): string | undefined;
  /** The fields of each event's data that are personal: sealed when the actor has a subject. */
  readonly personal?: Readonly<Partial<Record<E['type'], readonly string[]>>>;
  readonly family?: Family<S, E>;
  /** What becomes of an actor whose behavior fails; by default it is restarted, three times a minute. */
  supervision?(state: S | undefined, self: Address): Supervision;
}

/**
 * What becomes of an actor whose behavior fails, beside the command, which is parked. Its state is what its events say, so to
 * `restart` it is to go on with the next command; `backoff` leaves it alone for a while first, twice as long each time. Who
 * fails too often is suspended, until somebody resumes it; so is who fails once, with `stop`, and with `escalate` its parent has
 * failed too.
 */
export interface Supervision {
  readonly policy: 'restart' | 'backoff' | 'escalate' | 'stop';
  /** How often it may fail within the window. */
  readonly restarts?: number;
  readonly windowMs?: number;
  /** Who fails with it. */
  readonly parent?: Address;
}

/**
 * A family: a head (a goal) and its members (its tasks), in one shard under one key prefix. The head folds its members'
 * events too, and members are born from the head's events, so that progress and creation cost no event.
 */
export interface Family<S, E extends Fact, MS = unknown, ME extends Fact = Fact> {
  readonly member: Behavior<MS, ME>;
  /** The keys of the members that this event of the head creates. */
  bears(head: S, event: Stamped<E>): readonly string[];
  /** A member's first state. */
  born(head: S, event: Stamped<E>, self: Address): MS;
  /** The head's fold over an event of a member, given the member's state after it. */
  evolve(head: S, event: Stamped<ME>, key: string, member: MS): S;
  react(head: S, event: Stamped<ME>, key: string, member: MS): readonly Effect[];
}

/** Facts that happened. */
export const accept = <E extends Fact>(events: readonly E[], data?: Json): Decision<E> =>
  data === undefined ? { kind: 'events', events } : { kind: 'events', events, data };

/** Facts whose effects carry the caller on: the receiver answers. */
export const delegate = <E extends Fact>(events: readonly E[]): Decision<E> => ({
  kind: 'events',
  events,
  delegated: true,
});

export const refuse = (
  kind: Problem['kind'],
  code: string,
  detail: string,
  more: Partial<Pick<Problem, 'errors' | 'retryAfterMs'>> = {},
): Decision<never> => ({ kind: 'refused', problem: { kind, code, detail, ...more } });

/** Refused; what nobody waits for is kept as a dead letter, to be redriven. */
export const refuseKept = (
  kind: Problem['kind'],
  code: string,
  detail: string,
  more: Partial<Pick<Problem, 'retryAfterMs'>> = {},
): Decision<never> => ({ kind: 'refused', problem: { kind, code, detail, ...more }, isKept: true });

/** The caller is refused, and these facts happened. */
export const refuseWith = <E extends Fact>(events: readonly E[], problem: Problem): Decision<E> => ({
  kind: 'events',
  events,
  problem,
});

export const repeat = (data?: Json): Decision<never> =>
  data === undefined ? { kind: 'repeated' } : { kind: 'repeated', data };

export const redirect = (to: Address, verb: string, body: Json): Decision<never> => ({
  kind: 'redirected',
  to,
  verb,
  body,
});

/** Sends a command; with `delegate`, the receiver answers the caller. */
export const send = (
  to: Address,
  verb: string,
  body: Json,
  options: Pick<Extract<Effect, { kind: 'send' }>, 'delegate' | 'as'> = {},
): Effect => ({ kind: 'send', to, verb, body, ...options });
