import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../kernel/testing/until.ts';
import { bodyBytesMax, discardedBytesMax } from './bounds.ts';
import { RawConnection } from './testing/raw-connection.ts';
import { World } from './testing/world.ts';

let world: World;
let connection: RawConnection;

beforeAll(async () => {
  world = await World.start();
});

afterEach(() => connection.end());

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

const large = Buffer.alloc(2 * bodyBytesMax, ' ');
const json = { 'Content-Type': 'application/json' };
const head = (request: string, headers: Readonly<Record<string, string>>): void =>
  connection.head(request, { Authorization: `Bearer ${world.key}`, ...headers });

async function writeChunked(bytes: Buffer, chunkBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    await connection.write(`${chunk.length.toString(16)}\r\n`);
    await connection.write(chunk);
    await connection.write('\r\n');
  }
  await connection.write('0\r\n\r\n');
}

/** The connection is as good as new: it answers with what the next request asks for. */
async function expectServesOn(): Promise<void> {
  const body = JSON.stringify({ name: world.id('ag') });
  head('POST /v1/agents', { ...json, 'Content-Length': String(body.length) });
  await connection.write(body);
  expect((await connection.answer()).status).toBe(201);
}

describe('a body that is too large', () => {
  it.each([
    ['with its length', { 'Content-Length': String(large.length) }],
    [
      'with its length, by a client that asks first',
      { 'Content-Length': String(large.length), Expect: '100-continue' },
    ],
    ['in chunks', { 'Transfer-Encoding': 'chunked' }],
  ] as const)('%s is answered 413, and the connection serves the next request', async (_how, framing) => {
    connection = await RawConnection.open(world.port);
    head('POST /v1/agents', { ...json, ...framing });
    if ('Transfer-Encoding' in framing) await writeChunked(large, 100_000);
    else await connection.write(large);
    const answer = await connection.answer();
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([413, 'body_too_large']);
    await expectServesOn();
  });

  it('is not read at all when it says that it is enormous: the connection ends behind the answer', async () => {
    connection = await RawConnection.open(world.port);
    head('POST /v1/agents', { ...json, 'Content-Length': String(discardedBytesMax + 1) });
    const answer = await connection.answer();
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([413, 'body_too_large']);
    await connection.closed();
  });

  it('is one for agents, and none for goals', async () => {
    connection = await RawConnection.open(world.port);
    const agentId = await world.agent();
    const plan = { tasks: [{ key: 'a', type: 'noop' }] };
    const body = JSON.stringify({ agentId, plan }) + large.toString();
    head('POST /v1/goals', { ...json, 'Content-Length': String(body.length) });
    await connection.write(body);
    expect((await connection.answer()).status).toBe(201);
  });
});

describe('a body that nobody wants', () => {
  it.each([
    ['without a key', 401, 'POST /v1/agents', { Authorization: 'Bearer none' }],
    ['to nowhere', 404, 'POST /nowhere', {}],
    ['by the wrong method', 405, 'PUT /v1/agents', {}],
    ['of a foreign type', 415, 'POST /v1/agents', { 'Content-Type': 'text/plain' }],
    ['where none is taken', 413, 'DELETE /v1/dead-letters/dl_00000000000000000000000000', {}],
  ] as const)(
    '%s is passed over: %i, and the connection serves the next request',
    async (_how, status, request, headers) => {
      connection = await RawConnection.open(world.port);
      head(request, { ...json, ...headers, 'Content-Length': String(large.length) });
      await connection.write(large);
      expect((await connection.answer()).status).toBe(status);
      await expectServesOn();
    },
  );
});

describe('a body in pieces', () => {
  it('is put together again, wherever it was cut', async () => {
    connection = await RawConnection.open(world.port);
    const name = `Zoë ${world.id('ag')}`;
    head('POST /v1/agents', { ...json, 'Transfer-Encoding': 'chunked' });
    await writeChunked(Buffer.from(JSON.stringify({ name })), 3);
    const { status, body } = await connection.answer();
    expect(status).toBe(201);
    expect(await world.shows(`/v1/agents/${JSON.parse(body).id}`, () => true)).toMatchObject({ name });
  });

  it('whose sender goes gives back what it held', async () => {
    const heldBytes = async () =>
      Number(/^astra_http_body_bytes (\d+)$/m.exec((await world.get('/metrics')).body)?.[1]);
    connection = await RawConnection.open(world.port);
    head('POST /v1/agents', { ...json, 'Content-Length': '1000' });
    await connection.write('x'.repeat(100));
    await until(async () => (await heldBytes()) === 100);
    connection.end();
    await until(async () => (await heldBytes()) === 0);
  });
});
