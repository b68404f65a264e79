import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHandler } from '../testing/run-handler.ts';
import { http } from './http.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** Routes of the server under test. */
const routes: Record<string, Answer> = {
  '/json': (_request, response) => response.setHeader('content-type', 'application/json').end('{"a":[1]}'),
  '/text': (_request, response) => response.setHeader('content-type', 'text/plain').end('plain'),
  '/binary': (_request, response) => response.end(Buffer.from([0xff, 0xfe, 0x00])),
  '/large': (_request, response) => response.end('x'.repeat(100_000)),
  '/echo': (request, response, body) =>
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ method: request.method, headers: request.headers, body })),
  '/missing': (_request, response) => response.writeHead(404).end('not here'),
  '/busy': (_request, response) => response.writeHead(503).end(),
  '/never': () => undefined,
  '/drip': (_request, response) => void response.writeHead(200).write('begun'),
  '/endless': (_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write('y'.repeat(10_000)));
    };
    response.on('drain', more);
    more();
  },
  '/loop': (_request, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/to-json': (_request, response) => response.writeHead(302, { location: 'json' }).end(),
  '/see-other': (_request, response) => response.writeHead(303, { location: '/echo' }).end(),
  '/temporary': (_request, response) => response.writeHead(307, { location: '/echo' }).end(),
};

describe('http', () => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://server');
      const to = url.searchParams.get('to');
      if (url.pathname === '/redirect' && to) response.writeHead(302, { location: to }).end();
      else (routes[url.pathname] ?? routes['/missing'])?.(request, response, Buffer.concat(chunks).toString());
    });
  });
  let base = '';
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    base = `http://127.0.0.1:${port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  // The server is on a loopback address: allowed by name and port, as an operator would.
  const open = () => http({ allowPrivate: [`127.0.0.1:${port}`] });

  test('gives status, headers, and a body as JSON, text or artifact', async () => {
    expect((await runHandler(open(), { url: `${base}/json` })).result).toMatchObject({
      status: 200,
      url: `${base}/json`,
      headers: { 'content-type': 'application/json' },
      body: { a: [1] },
    });
    expect((await runHandler(open(), { url: `${base}/text` })).result).toMatchObject({ body: 'plain' });
    const binary = await runHandler(open(), { url: `${base}/binary` });
    expect(binary.result).toMatchObject({ body: { $artifact: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    const large = await runHandler(open(), { url: `${base}/large` });
    expect((await large.artifact('body'))?.length).toBe(100_000);
  });

  test('sends what it is told to', async () => {
    const { result } = await runHandler(open(), {
      method: 'POST',
      url: `http://user:p%40ss@127.0.0.1:${port}/echo`,
      headers: { 'X-One': '1' },
      body: { deep: [true] },
    });
    expect(result).toMatchObject({
      url: `${base}/echo`,
      body: {
        method: 'POST',
        body: '{"deep":[true]}',
        headers: {
          'x-one': '1',
          'content-type': 'application/json',
          authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
        },
      },
    });
    expect((await runHandler(open(), { method: 'POST', url: `${base}/echo`, body: 'as it is' })).result).toMatchObject({
      body: { body: 'as it is' },
    });
  });

  test('a status that was not expected fails; whether again depends on it', async () => {
    const missing = await runHandler(open(), { url: `${base}/missing` });
    expect(missing.error).toMatchObject({
      code: 'http_status',
      retryable: false,
      details: { status: 404, body: 'not here' },
    });
    const busy = await runHandler(open(), { url: `${base}/busy` });
    expect(busy.error).toMatchObject({ code: 'http_status', details: { status: 503 } });
    expect(busy.error).not.toHaveProperty('retryable');
    expect((await runHandler(open(), { url: `${base}/missing`, expect: [404] })).result).toMatchObject({ status: 404 });
  });

  test('follows redirects as browsers do', async () => {
    expect((await runHandler(open(), { url: `${base}/to-json` })).result).toMatchObject({ url: `${base}/json` });
    const other = await runHandler(open(), { method: 'POST', url: `${base}/see-other`, body: 'x' });
    expect(other.result).toMatchObject({ body: { method: 'GET', body: '' } });
    const same = await runHandler(open(), { method: 'POST', url: `${base}/temporary`, body: 'x' });
    expect(same.result).toMatchObject({ body: { method: 'POST', body: 'x' } });
    expect((await runHandler(open(), { url: `${base}/loop` })).error).toMatchObject({ code: 'too_many_redirects' });
  });

  test('does not carry credentials to another origin', async () => {
    const other = createServer((request, response) => response.end(JSON.stringify(request.headers)));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const otherPort = (other.address() as AddressInfo).port;
    const policy = { allowPrivate: [`127.0.0.1:${port}`, `127.0.0.1:${otherPort}`] };
    const to = encodeURIComponent(`http://127.0.0.1:${otherPort}/`);
    const { result } = await runHandler(http(policy), {
      url: `${base}/redirect?to=${to}`,
      headers: { Authorization: 'Bearer secret', Cookie: 'c=1', 'X-Kept': 'yes' },
    });
    const body = (result as { body: string }).body;
    expect(body).not.toContain('secret');
    expect(body).not.toContain('c=1');
    expect(body).toContain('x-kept');
    other.close();
  });

  test('reaches no private address: directly, by name, or by a redirect', async () => {
    const denied = { code: 'network_denied', retryable: false };
    expect((await runHandler(http({}), { url: `${base}/json` })).error).toMatchObject(denied);
    expect((await runHandler(http({}), { url: `http://localhost:${port}/json` })).error).toMatchObject(denied);
    for (const to of [
      `http://localhost:${port}/json`,
      'http://169.254.169.254/latest/meta-data/',
      'http://[::1]/',
      'http://10.0.0.1/',
      'http://2130706433/',
    ])
      expect((await runHandler(open(), { url: `${base}/redirect?to=${encodeURIComponent(to)}` })).error).toMatchObject(
        denied,
      );
    expect(
      (await runHandler(open(), { url: `${base}/redirect?to=${encodeURIComponent('file:///etc/passwd')}` })).error,
    ).toMatchObject({
      code: 'url_invalid',
    });
  });

  test('holds the network limit of the task', async () => {
    expect((await runHandler(open(), { url: `${base}/json` }, { limits: { network: 'none' } })).error).toMatchObject({
      code: 'network_denied',
    });
    expect(
      (await runHandler(open(), { url: `${base}/json` }, { limits: { network: 'allowlist' } })).error,
    ).toMatchObject({ code: 'network_denied' });
    const listed = http({ allow: ['127.0.0.1'], allowPrivate: ['127.0.0.1'] });
    expect(
      (await runHandler(listed, { url: `${base}/json` }, { limits: { network: 'allowlist' } })).result,
    ).toMatchObject({ status: 200 });
    expect(
      (await runHandler(http({ default: 'none', allowPrivate: ['127.0.0.1'] }), { url: `${base}/json` })).error,
    ).toMatchObject({
      code: 'network_denied',
    });
  });

  test('stops reading where it may read no more', async () => {
    const { error } = await runHandler(open(), { url: `${base}/endless`, maxBytes: 50_000 });
    expect(error).toMatchObject({ code: 'response_too_large', retryable: false });
  });

  test('gives up in time: before an answer, and within one', async () => {
    for (const path of ['/never', '/drip'])
      expect((await runHandler(open(), { url: `${base}${path}`, timeoutMs: 100 })).error).toMatchObject({
        code: 'timeout',
      });
    expect((await runHandler(open(), { url: `${base}/never` }, { timeoutMs: 100 })).error).toMatchObject({
      code: 'timeout',
    });
  });

  test('ends when it is stopped', async () => {
    const { ending } = await runHandler(
      open(),
      { url: `${base}/never` },
      { started: (execution) => setImmediate(() => execution.stop('cancelled')) },
    );
    expect(ending).toEqual({ kind: 'stopped', reason: 'cancelled' });
  });

  test('a server that is not there may be there later', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const gone = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    const { error } = await runHandler(http({ allowPrivate: ['127.0.0.1'] }), { url: `http://127.0.0.1:${gone}/` });
    expect(error).toMatchObject({ code: 'http_failed', message: expect.stringContaining('ECONNREFUSED') });
    expect(error).not.toHaveProperty('retryable');
  });

  test('refuses headers that would change the request, and fields it does not know', async () => {
    for (const headers of [{ Host: 'x' }, { 'Content-Length': '1' }, { a: 'b\r\nc: d' }, { 'a b': 'c' }])
      expect((await runHandler(open(), { url: `${base}/json`, headers })).error).toMatchObject({
        code: 'input_invalid',
        retryable: false,
      });
    expect((await runHandler(open(), { url: `${base}/json`, follow: true })).error).toMatchObject({
      code: 'input_invalid',
    });
  });
});
