import type { Address } from '../address.ts';
import {
  accept,
  type Behavior,
  delegate,
  type Effect,
  redirect,
  refuse,
  refuseWith,
  repeat,
  type Stamped,
  send,
} from '../behavior.ts';
import type { Json } from '../envelope.ts';
import { supervised } from '../supervision.ts';

/**
 * Small behaviors that use everything a kernel offers, for its own tests: a `box` that counts, forwards, waits and fails
 * on request, a `nest` that heads a family of `egg`s, and the dead letters.
 */

export interface Box {
  count: number;
  readonly text: string;
  readonly subject: string | undefined;
  readonly due: number | undefined;
  readonly timerGeneration: number;
  /** Its timer breaks the fold. */
  readonly fuse: boolean;
}

type BoxEvent =
  | {
      readonly type: 'Opened';
      readonly data: { readonly text: string; readonly subject?: string; readonly fingerprint?: string };
    }
  | {
      readonly type: 'Added';
      readonly data: {
        readonly by: number;
        readonly to?: string;
        readonly chain?: number;
        /** How often it is passed on, at once. */
        readonly copies?: number;
        readonly note?: string;
        readonly delegate?: boolean;
        readonly as?: { readonly id: string; readonly keyed: 'command'; readonly fingerprint: string };
      };
    }
  | { readonly type: 'Waiting'; readonly data: { readonly until: number; readonly fuse?: boolean } }
  | { readonly type: 'Rang'; readonly data: Record<string, never> };

const boxAt = (self: Address, id: string): Address => ({ org: self.org, type: 'box', id });

export const box: Behavior<Box, BoxEvent> = {
  type: 'box',
  ids: { prefix: 'bx' },
  version: 1,
  events: { Opened: 1, Added: 1, Waiting: 1, Rang: 1 },
  decide(state, verb, body, { now }) {
    const input = body as { readonly [key: string]: Json };
    if (verb === 'throw') throw new Error('asked to');
    if (verb === 'open') {
      if (state) return repeat({ text: state.text });
      return accept<BoxEvent>([{ type: 'Opened', data: input as { text: string } }], { text: input['text'] as string });
    }
    if (verb === 'look-first')
      return state
        ? repeat({ text: state.text })
        : redirect(
            boxAt({ org: input['org'] as string, type: 'box', id: '' }, input['via'] as string),
            'open-other',
            body,
          );
    if (!state) return refuse('rejected', 'not_found', 'there is no such box');
    if (verb === 'add-refused')
      return refuseWith<BoxEvent>([{ type: 'Added', data: { by: 1 } }], {
        kind: 'conflict',
        code: 'too_late',
        detail: 'it is counted all the same',
      });
    if (verb === 'add' || verb === 'open-other')
      return (input['delegate'] ? delegate : accept)<BoxEvent>([
        { type: 'Added', data: { by: 1, ...input } as { by: number } },
      ]);
    if (verb === 'wait')
      return accept<BoxEvent>([
        { type: 'Waiting', data: { until: now + (input['ms'] as number) * 1000, fuse: input['fuse'] === true } },
      ]);
    if (verb === 'timer')
      return input['generation'] === state.timerGeneration && state.due !== undefined
        ? accept<BoxEvent>([{ type: 'Rang', data: {} }])
        : accept<BoxEvent>([]);
    return refuse('conflict', 'invalid_transition', `a box does not ${verb}`);
  },
  evolve(state, event) {
    switch (event.type) {
      case 'Opened':
        return {
          count: 0,
          text: event.data.text,
          subject: event.data.subject,
          due: undefined,
          timerGeneration: 0,
          fuse: false,
        };
      case 'Added':
        if (event.data.by === 13) throw new Error('thirteen breaks the fold');
        return { ...(state as Box), count: (state as Box).count + event.data.by };
      case 'Waiting':
        return {
          ...(state as Box),
          due: event.data.until,
          timerGeneration: (state as Box).timerGeneration + 1,
          fuse: event.data.fuse === true,
        };
      case 'Rang':
        if (state?.fuse) throw new Error('the fuse has blown');
        return { ...(state as Box), due: undefined, count: (state as Box).count + 100 };
    }
  },
  react(_state, event: Stamped<BoxEvent>): readonly Effect[] {
    if (event.type !== 'Added' || event.data.to === undefined) return [];
    const { to, chain: left = 0, copies = 1, by, note, delegate, as } = event.data;
    const onward = send(
      boxAt(event.actor, to),
      'add',
      { by, ...(note === undefined ? null : { note }), ...(left > 0 ? { to: event.actor.id, chain: left - 1 } : null) },
      { ...(delegate ? { delegate: true } : null), ...(as ? { as } : null) },
    );
    return Array.from({ length: copies }, () => onward);
  },
  timers: (state) =>
    state.due === undefined ? [] : [{ name: 'ring', at: state.due as never, generation: state.timerGeneration }],
  idle: (state) => state.due === undefined,
  subject: (state) => state.subject,
  personal: { Opened: ['text'], Added: ['note'] },
};

interface Nest {
  readonly size: number;
  /** Of its eggs. */
  readonly priority: number;
  hatched: number;
  readonly hot: boolean;
}

type NestEvent =
  | { readonly type: 'Laid'; readonly data: { readonly eggs: number; readonly priority?: number } }
  | { readonly type: 'Warmed'; readonly data: Record<string, never> }
  | { readonly type: 'Empty'; readonly data: Record<string, never> };

type EggEvent =
  | { readonly type: 'Queued'; readonly data: { readonly attempt: number } }
  | { readonly type: 'Held'; readonly data: { readonly worker: string; readonly incarnation: string } }
  | { readonly type: 'Hatched'; readonly data: Record<string, never> }
  | { readonly type: 'Dropped'; readonly data: Record<string, never> };

interface Egg {
  readonly phase: 'created' | 'queued' | 'held' | 'hatched';
  readonly attempt: number;
  readonly worker: string;
  readonly incarnation: string;
  readonly since: number;
}

const egg: Behavior<Egg, EggEvent> = {
  type: 'egg',
  ids: { prefix: 'ns', placedAs: 'nest' },
  version: 1,
  events: { Queued: 1, Held: 1, Hatched: 1, Dropped: 1 },
  decide(state, verb, body, { head }) {
    if (!state) return refuse('rejected', 'not_found', 'there is no such egg');
    const input = body as { readonly [key: string]: Json };
    if (verb === 'offer')
      return state.phase === 'created' && (head as Nest).hot
        ? accept<EggEvent>([{ type: 'Queued', data: { attempt: state.attempt + 1 } }])
        : refuse('conflict', 'invalid_transition', 'not now');
    if (verb === 'claim')
      return state.phase === 'queued' && input['attempt'] === state.attempt
        ? accept<EggEvent>([
            { type: 'Held', data: { worker: input['worker'] as string, incarnation: input['incarnation'] as string } },
          ])
        : refuse('conflict', 'attempt_fenced', `expected attempt ${state.attempt}`);
    if (verb === 'complete')
      return state.phase === 'held' && input['attempt'] === state.attempt
        ? accept<EggEvent>([{ type: 'Hatched', data: {} }])
        : refuse('conflict', 'attempt_fenced', `expected attempt ${state.attempt}`);
    if (verb === 'lost')
      return state.phase === 'held' && input['attempt'] === state.attempt
        ? accept<EggEvent>([{ type: 'Dropped', data: {} }])
        : accept<EggEvent>([]);
    return refuse('conflict', 'invalid_transition', `an egg does not ${verb}`);
  },
  evolve(state, event) {
    const was = state as Egg;
    switch (event.type) {
      case 'Queued':
        return { ...was, phase: 'queued', attempt: event.data.attempt };
      case 'Held':
        return { ...was, phase: 'held', worker: event.data.worker, incarnation: event.data.incarnation };
      case 'Hatched':
        return { ...was, phase: 'hatched' };
      case 'Dropped':
        return { ...was, phase: 'created', since: event.at };
    }
  },
  work(state, head) {
    const route = { pool: 'default', type: 'egg' };
    const { priority } = head as Nest;
    if (state.phase === 'created')
      return (head as Nest).hot ? { phase: 'ready', route, priority, since: state.since as never } : undefined;
    if (state.phase === 'queued')
      return { phase: 'offered', route, priority, since: state.since as never, attempt: state.attempt, offer: 1 };
    if (state.phase === 'held')
      return { phase: 'held', route, attempt: state.attempt, worker: state.worker, incarnation: state.incarnation };
    return undefined;
  },
  attempt: (state, self) => ({ taskId: self.id, attempt: state.attempt }),
  idle: (state) => state.phase === 'hatched',
};

export const nest: Behavior<Nest, NestEvent> = {
  type: 'nest',
  ids: { prefix: 'ns' },
  version: 1,
  events: { Laid: 1, Warmed: 1, Empty: 1 },
  decide(state, verb, body) {
    if (verb === 'lay') return accept<NestEvent>([{ type: 'Laid', data: body as { eggs: number } }]);
    if (!state) return refuse('rejected', 'not_found', 'there is no such nest');
    if (verb === 'warm') return accept<NestEvent>([{ type: 'Warmed', data: {} }]);
    if (verb === 'check')
      return state.hatched === state.size ? accept<NestEvent>([{ type: 'Empty', data: {} }]) : accept<NestEvent>([]);
    return refuse('conflict', 'invalid_transition', `a nest does not ${verb}`);
  },
  evolve(state, event) {
    if (event.type === 'Laid')
      return { size: event.data.eggs, priority: event.data.priority ?? 5, hatched: 0, hot: false };
    return { ...(state as Nest), hot: event.type === 'Warmed' || (state as Nest).hot };
  },
  react: (state, event) =>
    event.type === 'Warmed' ? [{ kind: 'touch', members: Array.from({ length: state.size }, (_, i) => `e${i}`) }] : [],
  idle: (state) => state.hatched === state.size,
  family: {
    member: egg as unknown as Behavior,
    bears: (state, event) => (event.type === 'Laid' ? Array.from({ length: state.size }, (_, i) => `e${i}`) : []),
    born: (_state, event): Egg => ({ phase: 'created', attempt: 0, worker: '', incarnation: '', since: event.at }),
    evolve: (state, event) => ({ ...state, hatched: state.hatched + (event.type === 'Hatched' ? 1 : 0) }),
    react: (state, event) =>
      event.type === 'Hatched' && state.hatched === state.size
        ? [
            send(
              { org: event.actor.org, type: 'nest', id: event.actor.id.slice(0, event.actor.id.indexOf('.')) },
              'check',
              {},
            ),
          ]
        : [],
  },
};

export const deadLetter: Behavior<{ readonly error: Json }, { readonly type: 'Parked'; readonly data: object }> = {
  type: 'dead-letter',
  ids: { prefix: 'dl', pinned: true },
  version: 1,
  events: { Parked: 1 },
  decide: (_state, _verb, body) => accept([{ type: 'Parked', data: body as object }]),
  evolve: (_state, event) => ({ error: (event.data as { error: Json }).error }),
  idle: () => true,
  personal: { Parked: ['envelope'] },
};

export const testBehaviors = supervised([box, nest, deadLetter] as unknown as readonly Behavior[]);
