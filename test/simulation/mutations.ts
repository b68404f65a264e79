import type { Address } from '../../kernel/address.ts';
import { accept, type Behavior, type Decision, type Fact, type Family } from '../../kernel/behavior.ts';
import { positionOf, type Shard, seq } from '../../kernel/brand.ts';
import type { Bus, ChannelMessage, WorkOffer } from '../../kernel/bus.ts';
import { AstraError } from '../../kernel/errors.ts';
import type { StoredEvent } from '../../kernel/event.ts';
import type { KernelOptions } from '../../kernel/kernel.ts';
import type { CommitPart, Log } from '../../kernel/log.ts';
import type { World } from './world.ts';

/** A bug planted on purpose, to see that it is found: what is wrong, and where. */
export interface Mutation {
  readonly what: string;
  /** In a kernel: at its ports, or in its behaviors. */
  readonly kernel?: (options: KernelOptions, world: World) => KernelOptions;
  /** In what all processes share. */
  readonly world?: (world: World) => void;
  /** In the log as a gateway reads it. */
  readonly gatewayLog?: (log: Log) => Log;
}

/** The same, but for some methods. */
const over = <T extends object>(target: T, methods: Partial<T>): T =>
  new Proxy(target, { get: (of, name) => Reflect.get(Object.hasOwn(methods, name) ? methods : of, name) });

const overLog = (options: KernelOptions, methods: (log: Log) => Partial<Log>): KernelOptions => ({
  ...options,
  log: over(options.log, methods(options.log)),
});

const overBus = (options: KernelOptions, methods: (bus: Bus) => Partial<Bus>): KernelOptions => ({
  ...options,
  bus: over(options.bus, methods(options.bus)),
});

/** Commits with their parts changed. */
const overParts = (options: KernelOptions, change: (part: CommitPart) => CommitPart): KernelOptions =>
  overLog(options, (log) => ({ commit: (parts) => log.commit(parts.map(change)) }));

/** A behavior with its decisions changed; `decide` is the one that is right. */
type Decide = (decide: Behavior['decide'], ...args: Parameters<Behavior['decide']>) => Decision<Fact>;

function overBehavior(
  options: KernelOptions,
  type: string,
  change: (behavior: Behavior) => Partial<Behavior>,
): KernelOptions {
  const changed = (behavior: Behavior): Behavior =>
    behavior.type === type ? { ...behavior, ...change(behavior) } : behavior;
  const behaviors = options.behaviors.map((behavior) => {
    const own = changed(behavior);
    return own.family
      ? { ...own, family: { ...own.family, member: changed(own.family.member) } as Family<unknown, never> }
      : own;
  });
  return { ...options, behaviors };
}

const overDecisions = (options: KernelOptions, type: string, decide: Decide): KernelOptions =>
  overBehavior(options, type, (behavior) => ({ decide: (...args) => decide(behavior.decide, ...args) }));

const isUnknown = (error: unknown): boolean => error instanceof AstraError && error.kind === 'indeterminate';

const shardOf = (world: World, to: Address): Shard => world.registry.shardOf(to, world.shards) as Shard;

interface Attempted {
  readonly status: string;
  readonly attempt: number;
  readonly worker: string;
  readonly incarnation: string;
  readonly planned: { readonly maxAttempts: number; readonly pool: string; readonly type: string };
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'no-epoch-check': {
    what: 'the store takes commits of a deposed owner',
    world(world) {
      world.database.carry = (parts) => parts.map((part) => ({ ...part, epoch: world.commits.epochOf(part.shard) }));
    },
  },
  'no-previous-seq-check': {
    what: 'the store takes a commit twice, which is sent again when its outcome is unknown',
    world(world) {
      world.database.carry = (parts) =>
        parts.map((part) => ({ ...part, previousSeq: seq(world.commits.seqOf(part.shard)) }));
    },
    kernel: (options) =>
      overLog(options, (log) => ({
        commit: (parts) =>
          log.commit(parts).catch((error: unknown) => {
            throw isUnknown(error) ? new AstraError('unavailable', 'postgres_unavailable', 'it is sent again') : error;
          }),
      })),
  },
  'unknown-taken-as-landed': {
    what: 'a commit of unknown outcome counts as landed',
    kernel: (options) =>
      overLog(options, (log) => ({
        commit: (parts) =>
          log.commit(parts).catch((error: unknown) => {
            if (!isUnknown(error)) throw error;
            return { written: new Set(parts.map(({ shard }) => shard)), now: options.clock.now() };
          }),
      })),
  },
  'reply-before-commit': {
    what: 'callers are answered when it is decided',
    kernel: (options, world) =>
      overDecisions(options, 'agent', (decide, state, verb, body, context) => {
        const decision = decide(state, verb, body, context);
        const { replyTo } = context.envelope;
        const shard = shardOf(world, context.self);
        if (decision.kind === 'events' && !decision.delegated && replyTo !== undefined)
          options.bus.reply(replyTo, {
            ok: true,
            position: positionOf(shard, seq(world.commits.seqOf(shard) + 1)),
            id: context.self.id,
          });
        return decision;
      }),
  },
  'offer-before-commit': {
    what: 'attempts are offered when it is decided',
    kernel: (options, world) =>
      overDecisions(options, 'task', (decide, state, verb, body, context) => {
        const decision = decide(state, verb, body, context);
        if (verb !== 'offer' || decision.kind !== 'events' || decision.events.length === 0) return decision;
        const { pool, type } = (state as Attempted).planned;
        const attempt = {
          shard: shardOf(world, context.self),
          taskId: context.self.id,
          attempt: (state as Attempted).attempt + 1,
        };
        const payload = Buffer.from(JSON.stringify([attempt]));
        void options.bus.sendWork({ org: context.self.org, pool, type, lane: 'normal', messageId: 'early', payload });
        return decision;
      }),
  },
  'effects-never-resent': {
    what: 'an effect is sent once, whether it arrives or not',
    kernel(options, world) {
      const sent = world.shared<Map<string, number>>('sent', () => new Map());
      return overBus(options, (bus) => ({
        async sendChannel(to, from, n, envelope) {
          const name = `${from} ${to}`;
          if (n <= (sent.get(name) ?? 0)) return;
          sent.set(name, n);
          await bus.sendChannel(to, from, n, envelope);
        },
      }));
    },
  },
  'confirmed-too-early': {
    what: 'effects count as taken when their receiver is asked',
    kernel: (options) =>
      overLog(options, (log) => ({
        heads: async (shards) =>
          (await log.heads(shards)).map((row) => ({ ...row, got: row.got.map(() => 1_000_000) })),
      })),
  },
  'channel-duplicates-taken': {
    what: 'an effect that arrives twice is taken twice',
    kernel: (options) =>
      overBus(options, (bus) => ({
        openChannels(to, deliver) {
          const last = new Map<Shard, number>();
          return bus.openChannels(to, (message: ChannelMessage) => {
            const before = last.get(message.from) ?? 0;
            const n = before > 0 && message.n <= before ? before + 1 : message.n;
            last.set(message.from, n);
            return deliver({ ...message, n });
          });
        },
      })),
  },
  'lane-not-moved': {
    what: 'a lane is read again from its beginning whenever it is opened',
    kernel: (options) => overParts(options, (part) => ({ ...part, lane: { ...part.lane, sequence: 0, time: '0' } })),
  },
  'lane-skips': {
    what: 'a lane that is opened again begins one message too late',
    kernel: (options) =>
      overBus(options, (bus) => ({
        openLane: (shard, from, deliver) =>
          bus.openLane(shard, from.sequence === 0 ? from : { ...from, sequence: from.sequence + 1 }, deliver),
      })),
  },
  'commands-forgotten': {
    what: 'keyed commands are not remembered in the store',
    kernel: (options) => overParts(options, (part) => ({ ...part, commands: [] })),
  },
  'key-forgotten': {
    what: 'a goal does not remember the request that created it',
    kernel: (options) =>
      overDecisions(options, 'goal', (decide, state, verb, body, context) =>
        decide(verb === 'create' || verb === 'submit' ? undefined : state, verb, body, context),
      ),
  },
  'generation-ignored': {
    what: 'a bus that forgot counts as level',
    kernel: (options) =>
      overBus(options, (bus) => ({
        inspect: async (generation, lanes) => ({ ...(await bus.inspect(generation, lanes)), state: 'level' }),
      })),
  },
  'timers-not-reloaded': {
    what: 'who recovers a shard sets no timer of what had begun before',
    kernel(options) {
      // What is folded while the log is read was there before; what is decided afterwards is not.
      const decided = new WeakSet<object>();
      return overBehavior(options, 'task', (behavior) => ({
        evolve(state, event) {
          const next = behavior.evolve(state, event);
          if (Math.abs(options.clock.now() - event.at) < 1000) decided.add(next as object);
          return next;
        },
        timers: (state, head) => (decided.has(state as object) ? (behavior.timers?.(state, head) ?? []) : []),
      }));
    },
  },
  'deferred-forgotten': {
    what: 'who recovers a shard forgets what waits in mailboxes',
    kernel: (options) =>
      overBehavior(options, 'supervision', (behavior) => ({
        evolve(state, event) {
          // What is folded while the log is read was there before; what is decided is of this moment.
          const isRead = Math.abs(options.clock.now() - event.at) > 0;
          const isKept = event.type === 'CommandsDeferred' && isRead;
          return behavior.evolve(state, isKept ? { ...event, data: { ...event.data, commands: [] } } : event);
        },
      })),
  },
  'offers-not-repeated': {
    what: 'an attempt is offered once, whether it arrives or not',
    kernel(options, world) {
      const offered = world.shared<Set<string>>('offered', () => new Set());
      return overBus(options, (bus) => ({
        async sendWork(offer: WorkOffer) {
          const attempts = JSON.parse(Buffer.from(offer.payload).toString()) as readonly {
            taskId: string;
            attempt: number;
          }[];
          const fresh = attempts.filter(({ taskId, attempt }) => !offered.has(`${taskId}:${attempt}`));
          for (const { taskId, attempt } of attempts) offered.add(`${taskId}:${attempt}`);
          if (fresh.length > 0) await bus.sendWork({ ...offer, payload: Buffer.from(JSON.stringify(fresh)) });
        },
      }));
    },
  },
  'late-attempt-accepted': {
    what: 'a report counts for whatever attempt runs now',
    kernel: (options) =>
      overDecisions(options, 'task', (decide, state, verb, body, context) => {
        const { status, attempt, worker, incarnation } = (state ?? {}) as Attempted;
        const isReport = (verb === 'complete' || verb === 'fail') && status === 'running';
        return decide(state, verb, isReport ? { ...(body as object), attempt, worker, incarnation } : body, context);
      }),
  },
  'claimed-twice': {
    what: 'an attempt that runs is given to another worker too',
    kernel: (options) =>
      overDecisions(options, 'task', (decide, state, verb, body, context) => {
        const { status, attempt } = (state ?? {}) as Attempted;
        const claim = body as { readonly attempt: number; readonly worker: string; readonly incarnation: string };
        if (verb !== 'claim' || status !== 'running' || claim.attempt !== attempt)
          return decide(state, verb, body, context);
        return accept([{ type: 'TaskStarted', data: claim }]);
      }),
  },
  'one-attempt-too-many': {
    what: 'a task is tried once more than its plan says',
    kernel: (options) =>
      overDecisions(options, 'task', (decide, state, verb, body, context) => {
        if (state === undefined) return decide(state, verb, body, context);
        const { planned } = state as Attempted;
        const more = { ...(state as Attempted), planned: { ...planned, maxAttempts: planned.maxAttempts + 1 } };
        return decide(more, verb, body, context);
      }),
  },
  'flushed-too-early': {
    what: 'a recovery does not look at what began before the last commit, snapshot or not',
    kernel: (options) =>
      overLog(
        overParts(options, (part) => ({ ...part, flushedSeq: part.previousSeq })),
        () => ({ snapshotsWholeTo: async () => seq(Number.MAX_SAFE_INTEGER) }),
      ),
  },
  'published-too-early': {
    what: 'events count as published on EVT when they are committed',
    kernel: (options) => overParts(options, (part) => ({ ...part, evtSeq: part.seq })),
  },
  'stored-in-the-clear': {
    what: "what is somebody's is stored in the clear",
    kernel: (options) => overBehavior(options, 'task', () => ({ personal: {} })),
  },
  'impure-fold': {
    what: 'a state depends on more than its events',
    kernel: (options) =>
      overBehavior(options, 'agent', (behavior) => {
        let folds = 0;
        return { evolve: (state, event) => ({ ...(behavior.evolve(state, event) as object), folds: ++folds }) };
      }),
  },
  'mail-twice': {
    what: 'a message of a task to an agent is sent twice',
    kernel: (options) =>
      overBehavior(options, 'goal', ({ family }) => ({
        family: {
          ...(family as Family<unknown, Fact>),
          react: (...of) =>
            (family as Family<unknown, Fact>)
              .react(...of)
              .flatMap((effect) => (effect.kind === 'send' && effect.verb === 'message' ? [effect, effect] : [effect])),
        },
      })),
  },
  'projection-skips': {
    what: 'of a commit that LOG has lost, the read models fold the first event only',
    gatewayLog: (log) =>
      over(log, {
        async *read(...args) {
          for await (const page of log.read(...args)) yield page.map(skipped);
        },
      }),
  },
};

/** An event that nobody folds, in the place of every one but the first of its commit. */
function skipped(event: StoredEvent, index: number, page: readonly StoredEvent[]): StoredEvent {
  return page[index - 1]?.commitSeq === event.commitSeq ? { ...event, type: 'Skipped' } : event;
}
