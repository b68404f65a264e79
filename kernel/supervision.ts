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
import {
  backoffMaxMs,
  backoffMinMs,
  deferredBytesMax,
  deferredCommandsMax,
  restartsMax,
  restartWindowMs,
} from './bounds.ts';
import { type Micros, plusMs } from './brand.ts';
import type { Envelope, Json } from './envelope.ts';
import type { Problem } from './errors.ts';

/** The type of the actors that watch over one that has failed, on its shard. */
export const supervisionType = 'supervision';

/** What is kept of a command that nobody waits for, while its actor is held back. */
export type DeferredCommand = Pick<
  Envelope,
  'to' | 'verb' | 'body' | 'id' | 'keyed' | 'fingerprint' | 'subject' | 'principal'
>;

export interface SupervisionState {
  readonly of: Address;
  /** running → waiting (until the timer rings) | suspended (until somebody resumes it) → running */
  readonly status: 'running' | 'waiting' | 'suspended';
  /** When it failed, as far as the window reached at the last failure. */
  readonly failures: readonly Micros[];
  readonly until: Micros;
  /** How often it was held back: tells one timer from the next. */
  readonly holds: number;
  readonly deferred: readonly DeferredCommand[];
  readonly deferredBytes: number;
  /** What its last event lets go. */
  readonly released: readonly DeferredCommand[];
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
  | { readonly type: 'CommandDeferred'; readonly data: { readonly command: DeferredCommand; readonly bytes: number } };

/** The command that tells of a failure, and how the actor that failed is to be treated: nobody but its shard knows its state. */
export interface Failure extends Partial<Omit<Supervision, 'parent'>> {
  readonly of: Address;
  readonly code: string;
  readonly deadLetter: string;
  readonly parentOf?: Address;
}

/** What a parent is told that fails with a child: no behavior hears it, its own supervision does. */
export const childFailed = 'child_failed';

/**
 * Watches over actors whose behavior fails, by the policies that their types say (docs/adr/0016-failures-are-facts.md). Each actor
 * that ever failed has one, which is told in the unit that parks what failed: so windows are counted from the log, and
 * replaying gives the same.
 */
const supervision: Behavior<SupervisionState, SupervisionEvent> = {
  type: supervisionType,
  ids: { prefix: 'sv', pinned: true },
  version: 1,
  events: { ActorFailed: 1, ActorSuspended: 1, ActorResumed: 1, CommandDeferred: 1 },
  decide(state, verb, body, { now, envelope }) {
    if (verb === 'failed') return failed(state, body as unknown as Failure, now);
    if (!state) return refuse('rejected', 'not_found', 'no actor with this supervision has ever failed');
    if (verb === 'defer') {
      const { command, bytes } = body as unknown as { command: DeferredCommand; bytes: number };
      return state.deferred.some((other) => isRepeated(other, command))
        ? accept<SupervisionEvent>([])
        : accept<SupervisionEvent>([{ type: 'CommandDeferred', data: { command, bytes } }]);
    }
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
  idle: ({ status }) => status === 'running',
  // Whom it holds back its shard has to know at all times.
  resident: ({ status }) => status !== 'running',
  personal: { CommandDeferred: ['command'] },
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
    const was = state ?? { of, status: 'running', until: event.at, holds: 0, deferred: [], deferredBytes: 0 };
    const waits = until === undefined ? null : { status: 'waiting' as const, until, holds: was.holds + 1 };
    return { ...was, failures, ...waits, released: [] };
  }
  const was = state as SupervisionState;
  switch (event.type) {
    case 'ActorSuspended':
      return { ...was, status: 'suspended', holds: was.holds + 1 };
    case 'ActorResumed':
      return {
        ...was,
        status: 'running',
        failures: was.status === 'suspended' ? [] : was.failures,
        deferred: [],
        deferredBytes: 0,
        released: was.deferred,
      };
    case 'CommandDeferred':
      return {
        ...was,
        deferred: [...was.deferred, event.data.command],
        deferredBytes: was.deferredBytes + event.data.bytes,
      };
  }
}

function react(state: SupervisionState, event: Stamped<SupervisionEvent>): readonly Effect[] {
  if (event.type === 'ActorSuspended') {
    const { reason, parentOf, deadLetter } = event.data;
    return reason === 'escalate' && parentOf ? [send(parentOf, childFailed, { deadLetter })] : [];
  }
  if (event.type !== 'ActorResumed') return [];
  return state.released.map(({ to, verb, body, ...as }) => send(to, verb, body, { as }));
}

/** Those that still count. */
const recent = (failures: readonly Micros[], now: Micros, windowMs: number): readonly Micros[] =>
  failures.filter((at) => plusMs(at, windowMs) > now);

/** What the process asks for again, and has asked for already. */
const isRepeated = (one: DeferredCommand, other: DeferredCommand): boolean =>
  other.principal === 'kernel' &&
  one.principal === 'kernel' &&
  one.verb === other.verb &&
  JSON.stringify(one.body) === JSON.stringify(other.body);

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

/** Why a command that nobody waits for cannot be kept. */
export const mailboxFull = ({ of }: SupervisionState): Problem => ({
  kind: 'overloaded',
  code: 'mailbox_full',
  detail: `expected at most ${deferredCommandsMax} commands or ${deferredBytesMax} bytes that wait for ${of.type} ${of.id}`,
});

/** The command that keeps another one for later; undefined when there is no room. */
export function deferral(state: SupervisionState, self: Address, envelope: Envelope): Envelope | undefined {
  const { to, verb, body, id, keyed, fingerprint, subject, principal, correlationId } = envelope;
  const command: DeferredCommand = {
    to,
    verb,
    body,
    id,
    principal,
    ...(keyed === undefined ? null : { keyed }),
    ...(fingerprint === undefined ? null : { fingerprint }),
    ...(subject === undefined ? null : { subject }),
  };
  const bytes = Buffer.byteLength(JSON.stringify(command));
  if (state.deferred.length >= deferredCommandsMax || state.deferredBytes + bytes > deferredBytesMax) return undefined;
  return {
    to: self,
    verb: 'defer',
    id: `defer:${id}`,
    body: { command: command as unknown as Json, bytes },
    principal: 'kernel',
    correlationId,
    hops: 0,
    ...(subject === undefined ? null : { subject }),
  };
}

/** These behaviors, and what watches over them. */
export const supervised = (behaviors: readonly Behavior[]): readonly Behavior[] => [
  ...behaviors,
  supervision as unknown as Behavior,
];
