import type { Address } from './address.ts';
import {
  accept,
  type Behavior,
  type Decision,
  type Effect,
  refuse,
  type Stamped,
  type Supervision,
  send,
} from './behavior.ts';
import { backoffMaxMs, backoffMinMs, restartsMax, restartWindowMs } from './bounds.ts';
import { type Micros, plusMs } from './brand.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';

/** The type of the actors that watch over one that has failed, on its shard. */
export const supervisionType = 'supervision';

/** A command that is kept for later, as it came. */
export interface Deferred {
  readonly command: Envelope;
  readonly bytes: number;
}

/** One of which nobody can tell any more what it was: the key of what is personal in it is gone. */
interface Unreadable {
  readonly command: undefined;
  readonly bytes: number;
}

export interface SupervisionState {
  readonly of: Address;
  /** running → waiting (until the timer rings) | suspended (until somebody resumes it) → running, through its mailbox first */
  readonly status: 'running' | 'waiting' | 'suspended';
  /** When it failed, as far as the window reached at the last failure. */
  readonly failures: readonly Micros[];
  readonly until: Micros;
  /** How often it was held back: tells one timer from the next. */
  readonly holds: number;
  /** Its mailbox, the oldest first: while there is anything in it, whatever comes goes behind. */
  readonly deferred: (Deferred | Unreadable)[];
  readonly deferredBytes: number;
}

export type SupervisionEvent =
  | {
      readonly type: 'ActorFailed';
      readonly data: {
        readonly of: Address;
        readonly code: string;
        /** What could not be done. */
        readonly deadLetter: string;
        /** How long it counts. */
        readonly windowMs: number;
        /** It is left alone until then. */
        readonly until?: Micros;
      };
    }
  | {
      readonly type: 'ActorSuspended';
      readonly data: {
        readonly reason: 'restarts' | 'stop' | 'escalate';
        /** Its parent, which has failed with it. */
        readonly parentOf?: Address;
        readonly deadLetter: string;
      };
    }
  | { readonly type: 'ActorResumed'; readonly data: { readonly by: string } }
  | {
      readonly type: 'CommandsDeferred';
      readonly data: { readonly of: Address; readonly commands: readonly Deferred[] };
    }
  /** The oldest of them are decided, in the same commit. */
  | { readonly type: 'CommandsReleased'; readonly data: { readonly count: number } };

/** The command that tells of a failure, and how the actor that failed is to be treated: nobody but its shard knows its state. */
export interface Failure extends Partial<Omit<Supervision, 'parent'>> {
  readonly of: Address;
  readonly code: string;
  readonly deadLetter: string;
  readonly parentOf?: Address;
}

/** What a parent is told that fails with a child: no behavior hears it, its own supervision does. */
export const childFailed = 'child_failed';

/** Nothing keeps commands from its actor. */
export const isOpen = ({ status, deferred }: SupervisionState): boolean =>
  status === 'running' && deferred.length === 0;

/**
 * Watches over actors whose behavior fails, by the policies that their types say (docs/adr/0016-failures-are-facts.md),
 * and keeps the mailboxes of those that are held back or have more than their share (docs/adr/0020-mailboxes-in-the-log.md). Each
 * actor that ever failed, or had to wait, has one, which is told in the unit that parks or defers: so windows are counted from the
 * log, and replaying gives the same.
 */
const supervision: Behavior<SupervisionState, SupervisionEvent> = {
  type: supervisionType,
  ids: { prefix: 'sv', pinned: true },
  version: 2,
  events: { ActorFailed: 1, ActorSuspended: 1, ActorResumed: 1, CommandsDeferred: 1, CommandsReleased: 1 },
  decide(state, verb, body, { now, envelope }) {
    if (verb === 'failed') return failed(state, body as unknown as Failure, now);
    if (verb === 'defer') {
      const data = body as unknown as Extract<SupervisionEvent, { type: 'CommandsDeferred' }>['data'];
      return data.commands.every(({ command }) => isRepeated(command, state))
        ? accept<SupervisionEvent>([])
        : accept<SupervisionEvent>([{ type: 'CommandsDeferred', data }]);
    }
    if (!state) return refuse('rejected', 'not_found', 'no actor with this supervision has ever failed');
    if (verb === 'release')
      return accept<SupervisionEvent>([{ type: 'CommandsReleased', data: body as { readonly count: number } }]);
    if (verb === 'timer')
      return state.status === 'waiting' && (body as { generation?: Json })['generation'] === state.holds
        ? accept<SupervisionEvent>([{ type: 'ActorResumed', data: { by: envelope.principal } }])
        : accept<SupervisionEvent>([]);
    if (verb !== 'resume' || state.status === 'running')
      return refuse(
        'conflict',
        'invalid_transition',
        `expected an actor that is held back, found one that is ${state.status}`,
      );
    return accept<SupervisionEvent>([{ type: 'ActorResumed', data: { by: envelope.principal } }]);
  },
  evolve,
  react,
  timers: ({ status, until, holds }) => (status === 'waiting' ? [{ name: 'over', at: until, generation: holds }] : []),
  idle: isOpen,
  // Whom it holds back its shard has to know at all times.
  resident: (state) => !isOpen(state),
  personal: { CommandsDeferred: ['commands'] },
};

function failed(state: SupervisionState | undefined, failure: Failure, now: Micros): Decision<SupervisionEvent> {
  const { of, code, deadLetter, parentOf } = failure;
  const { policy = 'restart', restarts = restartsMax, windowMs = restartWindowMs } = failure;
  const failures = recent(state?.failures ?? [], now, windowMs).length + 1;
  const told = { of, code, deadLetter, windowMs };
  if (state?.status === 'suspended') return accept<SupervisionEvent>([{ type: 'ActorFailed', data: told }]);
  const reason = policy === 'stop' || policy === 'escalate' ? policy : failures > restarts ? 'restarts' : undefined;
  if (reason)
    return accept<SupervisionEvent>([
      { type: 'ActorFailed', data: told },
      { type: 'ActorSuspended', data: { reason, deadLetter, ...(parentOf ? { parentOf } : null) } },
    ]);
  const waitMs = Math.min(backoffMinMs * 2 ** (failures - 1), backoffMaxMs);
  const until = policy === 'backoff' ? { until: plusMs(now, waitMs) } : null;
  return accept<SupervisionEvent>([{ type: 'ActorFailed', data: { ...told, ...until } }]);
}

function evolve(state: SupervisionState | undefined, event: Stamped<SupervisionEvent>): SupervisionState {
  if (event.type === 'ActorFailed') {
    const { of, windowMs, until } = event.data;
    const failures = [...recent(state?.failures ?? [], event.at, windowMs), event.at];
    const waits = until === undefined ? null : { status: 'waiting' as const, until, holds: (state?.holds ?? 0) + 1 };
    return { ...(state ?? begun(of, event.at)), failures, ...waits };
  }
  if (event.type === 'CommandsDeferred') {
    const { of, commands } = event.data;
    const was = state ?? begun(of, event.at);
    let { deferredBytes } = was;
    // What cannot be opened any more reads as a text; what is personal is alone in its event.
    for (const one of Array.isArray(commands) ? (commands as typeof was.deferred) : [unreadable]) {
      was.deferred.push(one);
      deferredBytes += one.bytes;
    }
    return { ...was, deferredBytes };
  }
  const was = state as SupervisionState;
  switch (event.type) {
    case 'ActorSuspended':
      return { ...was, status: 'suspended', holds: was.holds + 1 };
    case 'ActorResumed':
      return { ...was, status: 'running', failures: was.status === 'suspended' ? [] : was.failures };
    case 'CommandsReleased': {
      let { deferredBytes } = was;
      for (const { bytes } of was.deferred.splice(0, event.data.count)) deferredBytes -= bytes;
      return { ...was, deferredBytes };
    }
  }
}

const unreadable: Unreadable = { command: undefined, bytes: 0 };

const begun = (of: Address, at: Micros): SupervisionState => ({
  of,
  status: 'running',
  failures: [],
  until: at,
  holds: 0,
  deferred: [],
  deferredBytes: 0,
});

function react(_state: SupervisionState, event: Stamped<SupervisionEvent>): readonly Effect[] {
  if (event.type !== 'ActorSuspended') return [];
  const { reason, parentOf, deadLetter } = event.data;
  return reason === 'escalate' && parentOf ? [send(parentOf, childFailed, { deadLetter })] : [];
}

/** Those that still count. */
const recent = (failures: readonly Micros[], now: Micros, windowMs: number): readonly Micros[] =>
  failures.filter((at) => plusMs(at, windowMs) > now);

/** What the process asks for itself, and has asked for already. */
const isRepeated = ({ principal, verb, body }: Envelope, state: SupervisionState | undefined): boolean =>
  principal === 'kernel' &&
  state?.deferred.some(
    ({ command }) =>
      command?.principal === 'kernel' && command.verb === verb && JSON.stringify(command.body) === JSON.stringify(body),
  ) === true;

/** Why who waits for an answer gets none of an actor that is held back. */
export function heldBack({ of, status, until }: SupervisionState, self: Address, now: Micros): Problem {
  const actor = `${of.type} ${of.id}`;
  return status === 'waiting'
    ? {
        kind: 'overloaded',
        code: 'actor_backing_off',
        detail: `${actor} has failed, and is left alone for a moment`,
        retryAfterMs: Math.max(1, Math.ceil((until - now) / 1000)),
      }
    : {
        kind: 'unavailable',
        code: 'actor_suspended',
        detail: `${actor} has failed too often, and is suspended until somebody resumes ${self.id}`,
      };
}

/** These behaviors, and what watches over them. */
export const supervised = (behaviors: readonly Behavior[]): readonly Behavior[] => [
  ...behaviors,
  supervision as unknown as Behavior,
];
