import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../kernel/testing/until.ts';
import { RawConnection } from './testing/raw-connection.ts';
import { type Attempt, World } from './testing/world.ts';

let world: World;
let agent: string;
let attempts: Attempt[];

beforeAll(async () => {
  world = await World.start();
  agent = await world.agent();
  attempts = [];
  world.work = (attempt) => {
    attempts.push(attempt);
    return undefined;
  };
});

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
  expect(world.output.followers).toBe(0);
});

/** A task that runs, and goes on until it is told otherwise. */
async function running(): Promise<Attempt> {
  const goal = await world.goal(agent, [{ key: 'a', type: 'noop', maxAttempts: 1 }]);
  await world.shows(`/v1/tasks/${goal}.a`, ({ status }) => status === 'running');
  return attempts.at(-1) as Attempt;
}

const write = ({ taskId }: Attempt, n: number, text: string, attempt = 1): void =>
  world.output.write('default', taskId, { attempt, n, stream: 'stdout', at: 1_700_000_000_000_000 + n, text });

/** What an attempt wrote as its report keeps it. */
const kept = (text: string) => {
  const bytes = Buffer.from(text);
  const sha256 = world.artifacts.put('default', bytes);
  return { artifacts: [{ sha256, size: bytes.length, mediaType: 'text/plain', name: 'log' }] };
};

interface ServerEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data: string;
}

/** Reads a stream of events as a browser would. */
async function* eventsOf(path: string): AsyncGenerator<ServerEvent> {
  const answer = await fetch(`http://127.0.0.1:${world.port}${path}`, {
    headers: { authorization: `Bearer ${world.key}` },
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  let text = '';
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const event = Object.fromEntries(fields.map((line) => line.split(/: (.*)/s).slice(0, 2)));
      if ('data' in event) yield event as unknown as ServerEvent;
    }
  }
}

const textOf = ({ data }: ServerEvent): string => JSON.parse(data).text;

describe('the output of a task', () => {
  it('is what it wrote so far', async () => {
    const attempt = await running();
    const path = `/v1/tasks/${attempt.taskId}/logs`;
    expect((await world.get(path)).body).toEqual({ items: [], truncated: false });
    write(attempt, 1, 'one');
    write(attempt, 2, 'two');
    world.output.write('default', attempt.taskId, { something: 'else' });
    const { status, body } = await world.get(path);
    expect(status).toBe(200);
    expect(body).toEqual({
      items: [
        { attempt: 1, n: 1, stream: 'stdout', at: '2023-11-14T22:13:20.000Z', text: 'one' },
        { attempt: 1, n: 2, stream: 'stdout', at: '2023-11-14T22:13:20.000Z', text: 'two' },
      ],
      truncated: false,
    });
    expect((await world.get(`/v1/tasks/${world.id('gl')}.a/logs`)).status).toBe(404);
    expect((await world.get(`${path}?follow=maybe`)).status).toBe(422);
  });

  it('comes from the artifact where the stream has lost its beginning, and where the stream is gone', async () => {
    const attempt = await running();
    const path = `/v1/tasks/${attempt.taskId}/logs`;
    write(attempt, 2, 'the end');
    await world.report(attempt, { result: null, ...kept('beginning and the end') });
    await world.shows(`/v1/tasks/${attempt.taskId}`, ({ artifacts }) => artifacts.length === 1);
    const whole = { items: [{ attempt: 1, stream: 'stdout', text: 'beginning and the end' }], truncated: false };
    expect((await world.get(path)).body).toEqual(whole);
    world.output.up = false;
    expect((await world.get(path)).body).toEqual(whole);
    const other = await running();
    const { status, body } = await world.get(`/v1/tasks/${other.taskId}/logs`);
    expect([status, body.code]).toEqual([503, 'unavailable']);
    world.output.up = true;
  });

  it('that is longer than an answer is cut at its beginning, and says so', async () => {
    const attempt = await running();
    for (let n = 1; n <= 6; n++) write(attempt, n, `${n}`.repeat(1024 * 1024));
    const { body } = await world.get(`/v1/tasks/${attempt.taskId}/logs`);
    expect(body.truncated).toBe(true);
    expect(body.items.map(({ n }: { n: number }) => n)).toEqual([3, 4, 5, 6]);
  });
});

describe('who follows a task', () => {
  it('gets what there is, what comes, and an end when the task has ended', async () => {
    const attempt = await running();
    write(attempt, 1, 'before\nme');
    const events = eventsOf(`/v1/tasks/${attempt.taskId}/logs?follow=true`);
    const first = (await events.next()).value as ServerEvent;
    expect([textOf(first), first.id]).toEqual(['before\nme', '1:1']);
    write(attempt, 2, 'now');
    expect(textOf((await events.next()).value)).toBe('now');
    await world.report(attempt, { result: null });
    expect((await events.next()).value).toMatchObject({ event: 'end' });
    expect((await events.next()).done).toBe(true);
  });

  it('of a task that has ended gets all of it at once, from the artifact where that is all there is', async () => {
    const attempt = await running();
    // The stream has lost the first piece of it.
    write(attempt, 2, ' of it');
    await world.report(attempt, { result: null, ...kept('all of it') });
    await world.shows(`/v1/tasks/${attempt.taskId}`, ({ artifacts }) => artifacts.length === 1);
    const seen: ServerEvent[] = [];
    for await (const event of eventsOf(`/v1/tasks/${attempt.taskId}/logs?follow=true`)) seen.push(event);
    expect(seen.map(({ event }) => event)).toEqual([undefined, 'end']);
    expect(textOf(seen[0] as ServerEvent)).toBe('all of it');
  });

  it('and goes leaves nothing behind', async () => {
    const attempt = await running();
    const connection = await RawConnection.open(world.port);
    const headers = { Authorization: `Bearer ${world.key}` };
    connection.head(`GET /v1/tasks/${attempt.taskId}/logs?follow=true`, headers);
    await until(() => world.output.followers === 1);
    connection.end();
    await until(() => world.output.followers === 0);
    await until(async () => /^astra_http_streams 0$/m.test((await world.get('/metrics')).body));
  });

  it('and reads nothing is dropped before it costs memory without bound', async () => {
    const attempt = await running();
    const connection = await RawConnection.open(world.port);
    connection.socket.pause();
    const headers = { Authorization: `Bearer ${world.key}` };
    connection.head(`GET /v1/tasks/${attempt.taskId}/logs?follow=true`, headers);
    await until(() => world.output.followers === 1);
    let n = 0;
    await until(() => {
      write(attempt, ++n, 'x'.repeat(256 * 1024));
      return world.output.followers === 0;
    });
    connection.end();
    expect((await world.get('/healthz')).status).toBe(200);
  });

  it('may ask with HEAD what it would be', async () => {
    const attempt = await running();
    const head = await world.call('HEAD', `/v1/tasks/${attempt.taskId}/logs?follow=true`);
    expect([head.status, head.headers.get('content-type'), head.body]).toEqual([200, 'text/event-stream', '']);
    expect(world.output.followers).toBe(0);
  });
});
