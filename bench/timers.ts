import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { keyBytes } from '../kernel/address.ts';
import { type Micros, micros, plusMs, type Shard, seq } from '../kernel/brand.ts';
import { encodeBody, openEvent } from '../kernel/codec.ts';
import { derivedId } from '../kernel/ids.ts';
import { Live } from '../kernel/live.ts';
import type { Log, StoredSnapshot } from '../kernel/log.ts';
import { migrate, openPostgresLog } from '../kernel/postgres/index.ts';
import { Registry } from '../kernel/registry.ts';
import { snapshotOf } from '../kernel/snapshot.ts';
import { Chain, type EventDraft } from '../kernel/testing/chain.ts';
import { alarm } from './alarm.ts';
import type { Bench, BenchContext, Outcome } from './harness.ts';

const hourMs = 3_600_000;
/** Actors that are seeded with one statement a shard. */
const roundActors = 16_000;
/** Behind a kernel's start: what came due while none was there has rung by then. */
const settleMs = 8000;
/** Before a kernel's end: what is due then may be under way. */
const underWayMs = 1000;
const kernelProgram = fileURLToPath(new URL('./timers-kernel.ts', import.meta.url));
const registry = new Registry([alarm]);

/**
 * A million actors that wait for a moment of the same hour, in a database that a kernel finds: what they cost it in memory, and
 * how late they ring. In the middle it is killed, and another one goes on.
 */
export const timers: Bench = {
  about: 'a million timers due within an hour: memory and lateness, over a restart (--timers N)',
  seconds: 120,
  run,
};

interface Ready {
  readonly readyAt: Micros;
  readonly rssBytes: number;
}

interface Told {
  readonly rssBytes: number;
  readonly mostBytes: number;
  readonly bareMs: number;
}

async function run(context: BenchContext): Promise<Outcome> {
  const { say, flags } = context;
  const count = Number(flags.get('timers') ?? 1_000_000);
  const { url } = await context.postgres();
  await migrate(url);
  const log = await openPostgresLog(url, 'bench');
  context.defer(() => log.close());

  const empty = await startKernel(context, url);
  const { rssBytes: emptyBytes } = empty.ready;
  await empty.kill();
  say(`A kernel without timers: ${mib(emptyBytes)} MiB.`);

  const from = performance.now();
  const begin = plusMs((await log.meta()).now, count / 8 + 15_000);
  await seed(log, count, begin);
  say(`${count} timers written in ${((performance.now() - from) / 1000).toFixed(0)} s.`);

  const halfMs = (context.seconds * 1000) / 2;
  const spans: { readonly from: Micros; readonly to: Micros }[] = [];
  const first = await startKernel(context, url);
  say(`With them, when it is ready: ${mib(first.ready.rssBytes)} MiB.`);
  await delay(Math.max(0, (begin - (await log.meta()).now) / 1000) + halfMs);
  const told = await first.tell();
  spans.push({ from: plusMs(first.ready.readyAt, settleMs), to: (await log.meta()).now });
  await first.kill();
  const second = await startKernel(context, url);
  await delay(settleMs + halfMs);
  const later = await second.tell();
  spans.push({ from: plusMs(second.ready.readyAt, settleMs), to: (await log.meta()).now });
  await second.kill();

  const rang = await ringings(log);
  const end = plusMs((spans[1] as { to: Micros }).to, -underWayMs);
  const twice = [...rang.values()].filter(({ times }) => times > 1).length;
  let missing = 0;
  for (let n = 0; n < count; n++) if (dueOf(n, count, begin) <= end && !rang.has(idOf(n))) missing++;
  const late = [...rang.values()]
    .filter(({ due }) => spans.some((span) => due >= span.from && due < plusMs(span.to, -underWayMs)))
    .map(({ due, at }) => (at - due) / 1000)
    .sort((a, b) => a - b);
  const quantile = (share: number): number => late[Math.min(late.length - 1, Math.ceil(late.length * share) - 1)] ?? 0;
  if (twice > 0 || missing > 0) say(`${twice} rang twice, ${missing} did not ring.`);
  return {
    ok: twice === 0 && missing === 0 && late.length > 0 && (late[0] as number) >= 0,
    metrics: {
      timers: count,
      rang: rang.size,
      measured: late.length,
      twice,
      missing,
      memoryMiB: {
        empty: mib(emptyBytes),
        ready: mib(first.ready.rssBytes),
        after: mib(told.rssBytes),
        most: mib(told.mostBytes),
      },
      costMiB: mib(Math.max(told.rssBytes, first.ready.rssBytes) - emptyBytes),
      lateMs: { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max: late.at(-1) ?? 0 },
    },
    floor: { lateMs: { p999: later.bareMs }, costMiB: mib(count * 22) },
  };
}

const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);

interface KernelChild {
  readonly ready: Ready;
  tell(): Promise<Told>;
  /** As a crash does it: its leases run out. */
  kill(): Promise<void>;
}

/** A kernel in a process of its own, so that its memory is its own. */
async function startKernel(context: BenchContext, url: string): Promise<KernelChild> {
  const child = fork(kernelProgram, [url], { execArgv: [...process.execArgv, '--expose-gc'] });
  context.defer(() => child.kill('SIGKILL'));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const message = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      child.once('message', (told) => resolve(told as T));
      child.once('exit', (code) => reject(new Error(`the kernel ended with ${code}`)));
    });
  return {
    ready: await message<Ready>(),
    tell: () => {
      const told = message<Told>();
      child.send('tell');
      return told;
    },
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

const idOf = (n: number): string => derivedId('al', String(n));
/** Spread evenly over the hour, in an order of their own. */
const dueOf = (n: number, count: number, begin: Micros): Micros =>
  plusMs(begin, (((n * 7919) % count) * hourMs) / count);

/** Writes the actors and their snapshots as a kernel leaves them behind. */
async function seed(log: Log, count: number, begin: Micros): Promise<void> {
  const { now, shards } = await log.meta();
  const chains = await claimAll(log, shards);
  for (let n = 0; n < count; n += roundActors) {
    const drafts: EventDraft[][] = chains.map(() => []);
    const lives: Live[][] = chains.map(() => []);
    for (let i = n; i < Math.min(count, n + roundActors); i++) {
      const address = { org: 'default', type: alarm.type, id: idOf(i) };
      const shard = registry.shardOf(address, shards) as Shard;
      const data = { due: dueOf(i, count, begin) };
      const body = encodeBody({ data, commandId: `set-${i}`, principal: 'key:bench', correlationId: `set-${i}` });
      const actorKey = keyBytes(address.id);
      (drafts[shard] as EventDraft[]).push({
        org: 'default',
        actorType: alarm.type,
        actorKey,
        version: 1,
        type: 'AlarmSet',
        at: now,
        body,
      });
      const live = new Live(address, alarm);
      const at = seq((chains[shard] as Chain).row.seq + (drafts[shard] as EventDraft[]).length);
      live.fold({ type: 'AlarmSet', data, actor: address, version: 1, seq: at, at: now });
      (lives[shard] as Live[]).push(live);
    }
    const parts = chains.map((chain, i) => {
      const to = drafts[i] as EventDraft[];
      const last = seq(chain.row.seq + to.length);
      return chain.part(to, { flushedSeq: last, evtSeq: last, unconfirmedSeq: seq(last + 1) });
    });
    await log.commit(parts);
    for (const [i, chain] of chains.entries()) {
      chain.landed(parts[i] as (typeof parts)[number]);
      const { shard, epoch, seq: wholeTo } = chain.row;
      const snapshots = (lives[i] as Live[]).map(
        (live): StoredSnapshot =>
          snapshotOf(
            live,
            now,
            () => undefined,
            () => Buffer.alloc(0),
          ),
      );
      await log.writeSnapshots({ shard, epoch, wholeTo, begins: true, snapshots, ended: [] });
    }
  }
  await log.release(
    'seed',
    chains.map(({ row }) => row),
  );
}

async function claimAll(log: Log, shards: number): Promise<readonly Chain[]> {
  for (let rows = new Map<number, Chain>(); ; await delay(100)) {
    for (const row of await log.claim('seed', 600_000)) rows = rows.set(row.shard, new Chain(row));
    if (rows.size === shards) return [...rows.values()].sort((a, b) => a.row.shard - b.row.shard);
  }
}

/** By id: when it was due, when it rang first, and how often. */
async function ringings(log: Log): Promise<Map<string, { readonly due: Micros; readonly at: Micros; times: number }>> {
  const rang = new Map<string, { readonly due: Micros; readonly at: Micros; times: number }>();
  for (const { shard } of await log.heads())
    for await (const page of log.read(shard, seq(0)))
      for (const stored of page) {
        if (stored.type !== 'AlarmRang') continue;
        const { actor, at, data } = openEvent(stored, registry);
        const before = rang.get(actor.id);
        if (before) before.times++;
        else rang.set(actor.id, { due: micros((data as { due: number }).due), at, times: 1 });
      }
  return rang;
}
