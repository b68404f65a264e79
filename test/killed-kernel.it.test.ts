import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, inject, test } from 'vitest';
import type { CommandClient } from '../kernel/edge.ts';
import type { Json, Reply } from '../kernel/envelope.ts';
import { openGatewayLink } from '../kernel/nats/index.ts';
import { migrate } from '../kernel/postgres/index.ts';
import { makeDatabase, type TestDatabase } from '../kernel/testing/database.ts';
import { type NatsCorner, natsCorner } from '../kernel/testing/nats.ts';
import { boxId } from '../kernel/testing/world.ts';

/** Long enough for every process that has to die first: each of them has to wait for the lease of the one before. */
const answerMs = 50_000;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Keeps a kernel running, as a supervisor does, and counts how often it was killed. */
function keepRunning(database: TestDatabase, corner: NatsCorner): { deaths(): number; stop(): Promise<void> } {
  const main = fileURLToPath(new URL('killed-kernel.ts', import.meta.url));
  const { url, subjectRoot = '', streamPrefix = '' } = corner.options('killed');
  let deaths = 0;
  let child: ReturnType<typeof spawn> | undefined;
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      child = spawn(process.execPath, [main, database.url, url, subjectRoot, streamPrefix], {
        stdio: ['pipe', 'inherit', 'inherit'],
      });
      const [, signal] = await once(child, 'exit');
      if (signal === 'SIGKILL' && !stopped) deaths++;
    }
  })();
  return {
    deaths: () => deaths,
    stop: () => {
      stopped = true;
      child?.kill('SIGKILL');
      return running;
    },
  };
}

let commands = 0;
const ask = (client: CommandClient, verb: string, id: string, body: Json = {}): Promise<Reply> => {
  const unique = `command-${++commands}`;
  const to = { org: 'o', type: 'box', id };
  return client.send({ to, verb, id: unique, body, principal: 'key:test', correlationId: unique, hops: 0 }, answerMs);
};

test('a command that kills its process is parked after a few deaths; those around it are decided once', async () => {
  const database = await makeDatabase(inject('databaseUrl'));
  cleanups.push(() => database.drop());
  await migrate(database.url);
  const corner = await natsCorner(inject('natsUrl'));
  cleanups.push(() => corner.end());
  const kernels = keepRunning(database, corner);
  cleanups.push(() => kernels.stop());
  const link = await openGatewayLink(
    corner.options('client'),
    { shards: 64, ids: () => ({ prefix: 'bx' }), client: 'c1' },
    () => {},
  );
  cleanups.push(() => link.close());
  const client = link.commands;
  const boxes = Array.from({ length: 12 }, (_, i) => boxId(`b${i}`));
  const [victim] = boxes as [string];
  for (const id of boxes)
    for (;;) {
      // Until the first kernel has made the streams, nobody takes a command.
      const opened = await ask(client, 'open', id, { text: 'b' }).catch(() => undefined);
      if (opened?.ok) break;
    }
  const before = boxes.map((id) => ask(client, 'add', id));
  const killer = ask(client, 'kill', victim);
  const behind = boxes.map((id) => ask(client, 'add', id));
  expect(await killer).toMatchObject({ ok: false, problem: { code: 'killed_process' } });
  for (const answer of [...before, ...behind]) expect(await answer).toMatchObject({ ok: true });
  expect(await ask(client, 'add', victim)).toMatchObject({ ok: true });
  expect(kernels.deaths()).toBeGreaterThanOrEqual(3);
  expect(kernels.deaths()).toBeLessThanOrEqual(4);
  const events = await database.query<{ type: string; n: number }>(
    'select type, count(*)::int as n from events_readable group by type order by type',
  );
  expect(events).toEqual([
    { type: 'ActorFailed', n: 1 },
    { type: 'Added', n: 25 },
    { type: 'Opened', n: 12 },
    { type: 'Parked', n: 1 },
  ]);
});
