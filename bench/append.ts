import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import { commitEventsMax } from '../kernel/bounds.ts';
import type { Micros, Shard } from '../kernel/brand.ts';
import { seq } from '../kernel/brand.ts';
import type { StoredEvent } from '../kernel/event.ts';
import { Histogram } from '../kernel/histogram.ts';
import type { CommitPart, Log } from '../kernel/log.ts';
import { commitText, commitValues } from '../kernel/postgres/commit-statement.ts';
import { Dictionary } from '../kernel/postgres/dictionary.ts';
import { migrate, openPostgresLog, verifyShard } from '../kernel/postgres/index.ts';
import { ShardLoad, type Spent } from './append-events.ts';
import { lineChart } from './chart.ts';
import type { Bench, BenchContext, Outcome } from './harness.ts';
import { processCpuMs } from './process-cpu.ts';

/** Events that are built before the loop gets its turn, as a shard does: so that the socket is served meanwhile. */
const sliceEvents = 256;
/** Measured and floor take turns, so that what else the machine does falls on both. */
const roundSeconds = 1.5;

/**
 * Events through the log port into the real table: each encoded, numbered and chained by this process, one group commit
 * after the other, the next one built while one is under way. The floor is the same statement through one connection,
 * its parameters built beforehand.
 */
export const append: Bench = {
  about: 'events through the log port, hash-chained, on the real table',
  seconds: 10,
  run,
};

interface Measured {
  events: number;
  ms: number;
  clientCpuMs: number;
  serverCpuMs: number;
  commits: Histogram;
  spent: Spent;
  series: [number, number][];
}

const nothing = (): Measured => ({
  events: 0,
  ms: 0,
  clientCpuMs: 0,
  serverCpuMs: 0,
  commits: new Histogram(),
  spent: { encode: 0, hash: 0 },
  series: [],
});

async function run(context: BenchContext): Promise<Outcome> {
  const url = await database(context);
  const log = await openPostgresLog(url, 'bench');
  context.defer(() => log.close());
  const { databaseId, now } = await log.meta();
  const loads = (await log.claim('bench', 600_000)).map((row) => new ShardLoad(row));
  const direct = new Direct(url);
  await direct.open(loads, log, now);
  context.defer(() => direct.close());

  context.say(`${loads.length} shards, group commits of up to ${commitEventsMax} events; warming up`);
  await throughLog(log, loads, 1, nothing(), undefined);
  await direct.send(await direct.build(loads, 20_000), nothing());

  const measured = nothing();
  const floor = nothing();
  const backend = await backendOf(url, 'bench-commit');
  const directBackend = await backendOf(url, 'bench-direct');
  await context.profiled('log', async () => {
    for (let left = context.seconds; left > 0.01; left -= roundSeconds) {
      await throughLog(log, loads, Math.min(left, roundSeconds), measured, backend);
      await direct.send(
        await direct.build(loads, (measured.events / measured.ms) * Math.min(left, roundSeconds) * 1000),
        floor,
        directBackend,
      );
      context.say(
        `${format(rate(measured))} events/s through the log, floor ${format(rate(floor))} (${(rate(measured) / rate(floor)).toFixed(2)})`,
      );
    }
  });

  context.say('reading everything back');
  const verified = await verify(log, databaseId, loads);
  for (const complaint of verified.complaints) context.say(complaint);
  const perEvent = (ms: number): number => round((ms * 1000) / measured.events, 2);
  const { spent } = measured;
  context.say(
    `per event: encode ${perEvent(spent.encode)} µs, hash ${perEvent(spent.hash)} µs, statement values ${direct.valuesMicros.toFixed(2)} µs; ` +
      `CPU of this process ${perEvent(measured.clientCpuMs)} µs, of Postgres's backend ${perEvent(measured.serverCpuMs)} µs, elapsed ${perEvent(measured.ms)} µs`,
  );
  const { p50, p95, p99, max } = measured.commits.summary();
  return {
    ok: verified.complaints.length === 0,
    metrics: {
      eventsPerSecond: Math.round(rate(measured)),
      ofFloor: round(rate(measured) / rate(floor), 3),
      events: measured.events,
      eventsPerCommit: Math.round(measured.events / measured.commits.count),
      commitMs: { p50, p95, p99, max },
      microsPerEvent: {
        elapsed: perEvent(measured.ms),
        encode: perEvent(spent.encode),
        hash: perEvent(spent.hash),
        values: round(direct.valuesMicros, 2),
        cpuOfClient: perEvent(measured.clientCpuMs),
        cpuOfBackend: perEvent(measured.serverCpuMs),
      },
      verifyEventsPerSecond: verified.eventsPerSecond,
    },
    floor: {
      eventsPerSecond: Math.round(rate(floor)),
      microsPerEvent: {
        elapsed: round((floor.ms * 1000) / floor.events, 2),
        cpuOfBackend: round((floor.serverCpuMs * 1000) / floor.events, 2),
      },
    },
    files: {
      'append.svg': lineChart('append: events a second, by commit', 'seconds', '', [
        { name: 'through the log', color: '#1f77b4', points: measured.series },
        { name: 'floor', color: '#999999', points: floor.series },
      ]),
    },
  };
}

/** A database of its own, where a server was given. */
async function database(context: BenchContext): Promise<string> {
  const { url, given } = await context.postgres();
  if (!given) {
    await migrate(url);
    return url;
  }
  const name = `astra_bench_${process.pid}`;
  const administer = async (text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(text);
    await client.end();
  };
  await administer(`create database ${name}`);
  context.defer(() => administer(`drop database ${name} with (force)`));
  const own = new URL(url);
  own.pathname = `/${name}`;
  await migrate(own.href);
  return own.href;
}

/** Commits for a while, building the next batch while one is under way. */
async function throughLog(
  log: Log,
  loads: readonly ShardLoad[],
  seconds: number,
  into: Measured,
  backend: number | undefined,
): Promise<void> {
  const cpu = process.cpuUsage();
  const server = backend === undefined ? undefined : processCpuMs(backend);
  const from = performance.now();
  const before = into.ms;
  let { now } = await log.meta();
  let next = await batch(loads, commitEventsMax, now, into.spent);
  while (performance.now() - from < seconds * 1000) {
    const sent = performance.now();
    const parts = next;
    const answer = log.commit(parts);
    next = await batch(loads, commitEventsMax, now, into.spent);
    const outcome = await answer;
    if (outcome.written.size !== parts.length)
      throw new Error(`${parts.length - outcome.written.size} shards were not written`);
    now = outcome.now;
    landed(parts, sent, before - from, into);
  }
  // What was built last is committed too, so that every shard stands where its load says.
  const sent = performance.now();
  await log.commit(next);
  landed(next, sent, before - from, into);
  into.ms += performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  into.clientCpuMs += (user + system) / 1000;
  if (server !== undefined && backend !== undefined) into.serverCpuMs += (processCpuMs(backend) ?? server) - server;
}

function landed(parts: readonly CommitPart[], sent: number, offset: number, into: Measured): void {
  const events = parts.reduce((sum, part) => sum + part.events.length, 0);
  const at = performance.now();
  into.events += events;
  into.commits.record(at - sent);
  into.series.push([(at + offset) / 1000, (events * 1000) / (at - sent)]);
}

/** A full group commit over all shards. */
async function batch(
  loads: readonly ShardLoad[],
  events: number,
  now: Micros,
  spent: Spent,
): Promise<readonly CommitPart[]> {
  const each = Math.floor(events / loads.length);
  const parts: CommitPart[] = [];
  for (const load of loads) {
    parts.push(load.next(each, now, spent));
    if ((parts.length * each) % sliceEvents < each) await nextTurn();
  }
  return parts;
}

/** The commit statement without anything around it. */
class Direct {
  readonly #client: pg.Client;
  readonly #dictionary = new Dictionary();
  #now = 0 as Micros;
  #valuesMs = 0;
  #values = 0;

  constructor(url: string) {
    this.#client = new pg.Client({ connectionString: url, application_name: 'bench-direct' });
  }

  async open(loads: readonly ShardLoad[], log: Log, now: Micros): Promise<void> {
    this.#now = now;
    await this.#client.connect();
    // Gives every event type its code.
    await log.commit(loads.slice(0, 1).map((load) => load.next(3, now, nothing().spent)));
    await this.#dictionary.load({ rows: async (text) => (await this.#client.query(text)).rows });
  }

  /** Commits with their statement's values, ready to be sent. */
  async build(loads: readonly ShardLoad[], events: number): Promise<readonly { values: Buffer[]; events: number }[]> {
    const ready: { values: Buffer[]; events: number }[] = [];
    for (let left = events; left > 0; left -= commitEventsMax) {
      const parts = await batch(loads, commitEventsMax, this.#now, nothing().spent);
      const count = parts.reduce((sum, part) => sum + part.events.length, 0);
      const from = performance.now();
      ready.push({ values: commitValues(parts, this.#dictionary), events: count });
      this.#valuesMs += performance.now() - from;
      this.#values += count;
    }
    return ready;
  }

  /** What making the values costs an event. */
  get valuesMicros(): number {
    return (this.#valuesMs * 1000) / this.#values;
  }

  async send(ready: readonly { values: Buffer[]; events: number }[], into: Measured, backend?: number): Promise<void> {
    const server = backend === undefined ? undefined : processCpuMs(backend);
    const begin = performance.now();
    const before = into.ms;
    for (const { values, events } of ready) {
      const from = performance.now();
      await this.#client.query({ name: 'commit', text: commitText, values });
      const at = performance.now();
      into.events += events;
      into.series.push([(before + at - begin) / 1000, (events * 1000) / (at - from)]);
    }
    into.ms += performance.now() - begin;
    if (server !== undefined && backend !== undefined) into.serverCpuMs += (processCpuMs(backend) ?? server) - server;
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}

/** The chain of every shard, and the rows as they were sent. */
async function verify(
  log: Log,
  databaseId: string,
  loads: readonly ShardLoad[],
): Promise<{ complaints: string[]; eventsPerSecond: number }> {
  const complaints: string[] = [];
  const from = performance.now();
  let events = 0;
  for (const { row, built } of loads) {
    const verified = await verifyShard(log, databaseId, row.shard, row);
    events += verified.events;
    if (verified.flaw)
      complaints.push(`${verified.flaw.position}: expected ${verified.flaw.expected}, found ${verified.flaw.found}`);
    if (verified.events !== built)
      complaints.push(`shard ${row.shard}: ${built} events were written, ${verified.events} are there`);
  }
  const ms = performance.now() - from;
  for (const head of await log.heads()) {
    const load = loads[head.shard] as ShardLoad;
    if (head.seq !== load.row.seq || !head.hash.equals(load.row.hash))
      complaints.push(`shard ${head.shard}: another head`);
  }
  const last = await lastEvents(
    log,
    loads.map(({ row }) => row),
  );
  if (last.some((event) => event.actorType !== 'task' || event.body.length === 0))
    complaints.push('rows read back differ');
  return { complaints, eventsPerSecond: Math.round((events * 1000) / ms) };
}

async function lastEvents(log: Log, rows: readonly { shard: Shard; seq: number }[]): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (const row of rows) for await (const page of log.read(row.shard, seq(row.seq - 1))) found.push(...page);
  return found;
}

/** The process behind a connection, where it runs on this machine. */
async function backendOf(url: string, name: string): Promise<number | undefined> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const found = await client.query<{ pid: number }>('select pid from pg_stat_activity where application_name = $1', [
    name,
  ]);
  await client.end();
  const pid = found.rows[0]?.pid;
  return pid !== undefined && processCpuMs(pid) !== undefined ? pid : undefined;
}

const rate = ({ events, ms }: Measured): number => (events * 1000) / Math.max(ms, 1e-9);
const format = (value: number): string => Math.round(value).toLocaleString('en-US');
const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
