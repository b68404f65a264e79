import type { Timer, Work } from './behavior.ts';
import type { Micros } from './brand.ts';
import type { Live } from './live.ts';
import type { TimerWheel } from './timers.ts';

/** Who is told what actors want: the dispatcher and liveness of this process. */
export interface WorkBoard {
  /** An actor's work changed; `before` and `after` are as `Behavior.work` tells them. */
  changed(live: Live, before: Work | undefined, after: Work | undefined): void;
  /** An actor is (or is no longer) watched for presence. */
  presence(live: Live, incarnation: string | undefined): void;
}

const sameTimers = (live: Live, timers: readonly Timer[]): boolean => {
  if (live.timers.length !== timers.length) return false;
  for (let i = 0; i < timers.length; i++) {
    const had = live.timers[i]?.timer as Timer;
    const has = timers[i] as Timer;
    if (had.generation !== has.generation || had.at !== has.at || had.name !== has.name) return false;
  }
  return true;
};

const sameWork = (a: Work | undefined, b: Work | undefined): boolean => {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.phase !== b.phase) return false;
  if (a.phase === 'ready') return b.phase === 'ready' && a.since === b.since && a.priority === b.priority;
  if (a.phase === 'offered') return b.phase === 'offered' && a.attempt === b.attempt && a.offer === b.offer;
  return b.phase === 'held' && a.attempt === b.attempt && a.worker === b.worker && a.incarnation === b.incarnation;
};

const none: readonly Timer[] = [];

/**
 * Timers and work are derived from state (never recorded): after every change of an actor they are asked for again, and
 * what differs is registered. Returns the work before when it changed.
 */
export function register(
  live: Live,
  wheel: TimerWheel,
  board: WorkBoard,
  fire: (live: Live, timer: Timer) => void,
  now: () => Micros,
): { readonly changed: boolean; readonly before: Work | undefined } {
  const { behavior, state, head } = live;
  const timers = state === undefined ? none : (behavior.timers?.(state, head?.state) ?? none);
  if (!sameTimers(live, timers)) {
    for (const { handle } of live.timers) wheel.cancel(handle);
    live.timers = timers.map((timer) => ({ timer, handle: wheel.add(timer.at, () => fire(live, timer)) }));
  }
  if (behavior.presence) {
    const present = state === undefined ? undefined : behavior.presence(state);
    if (present !== live.present) {
      live.present = present;
      board.presence(live, present);
    }
  }
  const before = live.work;
  let after = state === undefined ? undefined : behavior.work?.(state, head?.state);
  if (live.later) {
    wheel.cancel(live.later);
    live.later = undefined;
  }
  if (after?.phase === 'ready' && after.since > now()) {
    // Ready only then (a retry that backs off): asked for again at its time.
    live.later = wheel.add(after.since, () => register(live, wheel, board, fire, now));
    after = undefined;
  }
  if (sameWork(before, after)) return { changed: false, before };
  live.work = after;
  board.changed(live, before, after);
  return { changed: true, before };
}

/** Takes everything back that an actor (and its members) had registered: it leaves memory. */
export function unregister(live: Live, wheel: TimerWheel, board: WorkBoard): void {
  for (const { handle } of live.timers) wheel.cancel(handle);
  live.timers = [];
  if (live.later) wheel.cancel(live.later);
  live.later = undefined;
  if (live.present !== undefined) {
    live.present = undefined;
    board.presence(live, undefined);
  }
  if (live.work) {
    const before = live.work;
    live.work = undefined;
    board.changed(live, before, undefined);
  }
  for (const member of live.members?.values() ?? []) unregister(member, wheel, board);
}
