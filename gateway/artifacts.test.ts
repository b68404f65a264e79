import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../kernel/testing/until.ts';
import { RawConnection } from './testing/raw-connection.ts';
import { World } from './testing/world.ts';

let world: World;
const text = Buffer.from('0123456789');
const big = Buffer.alloc(24 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz');
let path: string;
let bigPath: string;
let emptyPath: string;

beforeAll(async () => {
  world = await World.start();
  const put = (bytes: Buffer): string => `/v1/artifacts/${world.artifacts.put('default', bytes)}`;
  path = put(text);
  bigPath = put(big);
  emptyPath = put(Buffer.alloc(0));
});

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
  expect(world.artifacts.open).toBe(0);
});

describe('an artifact', () => {
  it('comes as bytes that a browser runs nothing of, for ever the same', async () => {
    const { status, headers, body } = await world.get(path);
    expect([status, body]).toEqual([200, '0123456789']);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '10',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cache-control': 'private, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
    });
    const etag = headers.get('etag') ?? '';
    const again = await world.get(path, { headers: { 'if-none-match': etag } });
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
  });

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=0-999', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ] as const)('by %s', async (range, status, body, contentRange) => {
    const got = await world.get(path, { headers: { range } });
    expect([got.status, got.body, got.headers.get('content-range')]).toEqual([status, body, contentRange]);
    const head = await world.call('HEAD', path, { headers: { range } });
    expect([head.status, head.headers.get('content-length')]).toEqual([status, String(body.length)]);
  });

  it('has no bytes past its end', async () => {
    const got = await world.get(path, { headers: { range: 'bytes=10-' } });
    expect([got.status, got.body.code]).toEqual([416, 'range_not_satisfiable']);
    expect((await world.get(`/v1/artifacts/${'0'.repeat(64)}`)).status).toBe(404);
  });

  it('may be empty', async () => {
    const { status, headers, body } = await world.get(emptyPath);
    expect([status, headers.get('content-length'), body]).toEqual([200, '0', '']);
    expect((await world.call('HEAD', emptyPath)).headers.get('content-length')).toBe('0');
    expect((await world.get(emptyPath, { headers: { range: 'bytes=0-0' } })).status).toBe(416);
  });

  it('answers HEAD without reading it, and the connection serves on', async () => {
    const before = world.artifacts.readBytes;
    const connection = await RawConnection.open(world.port);
    const headers = { Authorization: `Bearer ${world.key}` };
    for (let i = 0; i < 3; i++) {
      connection.head(`HEAD ${bigPath}`, headers);
      expect((await connection.answer(true)).headers.get('content-length')).toBe(String(big.length));
    }
    connection.head(`GET ${path}`, headers);
    expect((await connection.answer()).body).toBe('0123456789');
    connection.end();
    expect(world.artifacts.readBytes).toBe(before + text.length);
  });

  it('waits for a reader that is slow, and reaches it whole', async () => {
    const before = world.artifacts.readBytes;
    const connection = await RawConnection.open(world.port);
    connection.socket.pause();
    connection.head(`GET ${bigPath}`, { Authorization: `Bearer ${world.key}` });
    await until(() => world.artifacts.open === 1 && world.artifacts.readBytes > before);
    // It stands still: what the sockets between hold is all that was read.
    let read = 0;
    await until(() => {
      const isStill = read === world.artifacts.readBytes;
      read = world.artifacts.readBytes;
      return isStill;
    });
    expect(read - before).toBeLessThan(big.length);
    connection.socket.resume();
    const { status, body } = await connection.answer();
    expect([status, body.length, body === big.toString()]).toEqual([200, big.length, true]);
    connection.end();
  });

  it('is read no further when its reader goes', async () => {
    const connection = await RawConnection.open(world.port);
    connection.socket.pause();
    connection.head(`GET ${bigPath}`, { Authorization: `Bearer ${world.key}` });
    await until(() => world.artifacts.open === 1);
    connection.end();
    await until(() => world.artifacts.open === 0);
    expect((await world.get(path)).status).toBe(200);
  });
});
