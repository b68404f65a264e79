import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawConnection } from './testing/raw-connection.ts';
import { type Got, World } from './testing/world.ts';

let world: World;
let agent: string;

beforeAll(async () => {
  world = await World.start();
  agent = await world.agent({ name: 'Ada' });
});

afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

/** A problem document that agrees with its response. */
const expectProblem = ({ status, headers, body }: Got, expected: number, code: string): void => {
  expect(body).toMatchObject({ status: expected, code, type: `urn:astra:problem:${code}` });
  expect(status).toBe(expected);
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(headers.get('astra-request-id')).toBe(body.requestId);
};

describe('a key', () => {
  it('is asked for before anything else, whether the thing exists or not', async () => {
    for (const path of [`/v1/agents/${agent}`, `/v1/agents/${world.id('ag')}`, '/v1/agents/what', '/v1/agents?x=1']) {
      const got = await world.get(path, { key: '' });
      expectProblem(got, 401, 'unauthenticated');
      expect(got.headers.get('www-authenticate')).toBe('Bearer realm="astra"');
    }
    expectProblem(await world.post('/v1/agents', '{', { key: '' }), 401, 'unauthenticated');
    expectProblem(await world.get('/metrics', { key: '' }), 401, 'unauthenticated');
  });

  it('does what its scopes say, and no other header makes it more', async () => {
    const reader = { key: world.keys.create('default', ['read']), headers: { 'x-org': 'other', 'x-user': 'root' } };
    const writer = { key: world.keys.create('default', ['write']) };
    // A second gateway reads the keys as they are now.
    const { port } = await world.gateway();
    expect((await world.call('GET', `/v1/agents/${agent}`, reader, port)).status).toBe(200);
    expectProblem(await world.call('POST', '/v1/agents', { ...reader, body: { name: 'x' } }, port), 403, 'forbidden');
    expectProblem(await world.call('GET', '/metrics', reader, port), 403, 'forbidden');
    expectProblem(await world.call('GET', '/v1/agents', writer, port), 403, 'forbidden');
    expect((await world.call('POST', '/v1/agents', { ...writer, body: { name: 'y' } }, port)).status).toBe(201);
  });

  it('is not needed for health, readiness and the description', async () => {
    expect(await world.get('/healthz', { key: '' })).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await world.get('/readyz', { key: '' })).toMatchObject({ status: 200, body: { ready: true } });
    expect(await world.get('/openapi.json', { key: '' })).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
    const docs = await world.get('/docs', { key: '' });
    expect([docs.status, docs.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(docs.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  });
});

describe('a path', () => {
  it('that no route has is 404, also under a method nobody knows', async () => {
    expectProblem(await world.get('/v1/nothing'), 404, 'not_found');
    expectProblem(await world.get('/'), 404, 'not_found');
    expectProblem(await world.call('PUT', '/v2/agents', { body: {} }), 404, 'not_found');
  });

  it('with a text that is no id of its kind names nothing', async () => {
    for (const id of ['x', agent.toUpperCase(), `${agent}0`, `gl_${agent.slice(3)}`, '%00', '..%2f..'])
      expectProblem(await world.get(`/v1/agents/${id}`), 404, 'not_found');
    expectProblem(await world.get(`/v1/tasks/${world.id('gl')}`), 404, 'not_found');
    expectProblem(await world.get(`/v1/artifacts/${'A'.repeat(64)}`), 404, 'not_found');
    for (const path of ['/v1/agents/x/pause', '/v1/goals/x/cancel', '/v1/tasks/x/cancel', '/v1/dead-letters/x/redrive'])
      expectProblem(await world.post(path), 404, 'not_found');
  });

  it('tells which methods it takes', async () => {
    const wrong = await world.call('DELETE', '/v1/agents');
    expectProblem(wrong, 405, 'method_not_allowed');
    expect(wrong.headers.get('allow')).toBe('POST, GET, HEAD');
    const patch = await world.call('PUT', `/v1/agents/${agent}`, { body: {} });
    expect([patch.status, patch.headers.get('allow')]).toEqual([405, 'GET, HEAD, PATCH']);
    expect((await world.call('GET', '/v1/dead-letters/redrive')).headers.get('allow')).toBe('POST');
    const head = await world.call('HEAD', `/v1/agents/${agent}/pause`);
    expect([head.status, head.headers.get('allow'), head.body]).toEqual([405, 'POST', '']);
  });
});

describe('an input', () => {
  it('has to be JSON, and to say so', async () => {
    const wrong = { headers: { 'content-type': 'text/plain' } };
    expectProblem(await world.post('/v1/agents', '{"name":"x"}', wrong), 415, 'unsupported_media_type');
    const latin = { headers: { 'content-type': 'application/json; charset=latin1' } };
    expectProblem(await world.post('/v1/agents', '{"name":"x"}', latin), 415, 'unsupported_media_type');
    expectProblem(await world.post('/v1/agents', '{"name":'), 400, 'malformed_json');
    expectProblem(await world.post('/v1/agents', ''), 400, 'malformed_json');
    expectProblem(await world.post('/v1/agents', '['.repeat(5000)), 400, 'malformed_json');
    expectProblem(await world.post('/v1/agents', '{"name":"a\\u0000b"}'), 422, 'invalid_input');
  });

  it('is refused with every fault in it', async () => {
    const got = await world.post('/v1/agents', { name: '', priority: 12, surprise: 1 });
    expectProblem(got, 422, 'invalid_input');
    expect(got.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/name',
      '/priority',
      '/surprise',
    ]);
  });

  it('may be missing where a route takes none, or takes it or not', async () => {
    const id = await world.agent();
    expect((await world.post(`/v1/agents/${id}/pause`)).status).toBe(200);
    expect((await world.post(`/v1/agents/${id}/resume`, { reason: 'enough' })).status).toBe(200);
    expectProblem(await world.post(`/v1/agents/${id}/pause`, { why: 1 }), 422, 'invalid_input');
  });

  it('by query is checked like one by body', async () => {
    for (const query of [
      'x=1',
      'limit=0',
      'limit=501',
      'limit=ten',
      'limit=1&limit=2',
      'status=tired',
      'cursor=%00',
      'cursor=zzz',
    ])
      expectProblem(await world.get(`/v1/agents?${query}`), 422, 'invalid_input');
    const { body } = await world.get(`/v1/agents/${agent}?verbose=true`);
    expect(body.errors).toEqual([{ pointer: '/verbose', message: 'unknown parameter' }]);
    expectProblem(await world.post(`/v1/agents?dry=1`, { name: 'never' }), 422, 'invalid_input');
    expect((await world.get('/v1/agents?name=never')).body.items).toEqual([]);
  });

  it('by header is checked, too', async () => {
    const bad = [
      ['GET', `/v1/agents/${agent}`, { 'astra-after': 'soon' }],
      ['GET', `/v1/agents/${agent}`, { 'astra-after': '99:1' }],
      ['GET', `/v1/agents/${agent}`, { 'astra-after': '0:1', 'astra-wait': '10001' }],
      ['GET', `/v1/tasks/${world.id('gl')}.a/logs`, { 'astra-after': 'soon' }],
      ['POST', '/v1/agents', { 'idempotency-key': 'two words' }],
      ['POST', '/v1/agents', { 'idempotency-key': 'k'.repeat(256) }],
    ] as const;
    for (const [method, path, headers] of bad)
      expectProblem(
        await world.call(method, path, { headers, ...(method === 'POST' ? { body: { name: 'x' } } : {}) }),
        400,
        'malformed_header',
      );
  });
});

describe('an answer', () => {
  it('to HEAD is the head of the one to GET', async () => {
    for (const path of [
      `/v1/agents/${agent}`,
      '/v1/agents',
      '/healthz',
      '/openapi.json',
      '/v1/agents/what',
      '/nowhere',
    ]) {
      const whole = await world.get(path);
      const head = await world.call('HEAD', path);
      expect([path, head.status, head.body]).toEqual([path, whole.status, '']);
      for (const name of ['content-type', 'etag']) expect(head.headers.get(name)).toBe(whole.headers.get(name));
      if (whole.status === 200) expect(head.headers.get('content-length')).toBe(whole.headers.get('content-length'));
    }
  });

  it('to HEAD has nothing behind its head: the connection serves the next request', async () => {
    const connection = await RawConnection.open(world.port);
    const headers = { Authorization: `Bearer ${world.key}` };
    const answered = [`/v1/agents/${agent}`, '/v1/agents', '/healthz', '/docs', '/v1/agents/what'];
    for (const path of [...answered, '/nowhere', `/v1/agents/${agent}/pause`]) {
      connection.head(`HEAD ${path}`, headers);
      const { status } = await connection.answer(true);
      connection.head(`GET ${path}`, headers);
      const whole = await connection.answer();
      expect([path, whole.status, whole.body.length > 0]).toEqual([path, status, true]);
    }
    connection.end();
  });

  it('is not sent again to who has it, until it changes', async () => {
    const id = await world.agent();
    for (const path of [`/v1/agents/${id}`, '/v1/agents']) {
      const etag = (await world.get(path)).headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[^"]+"$/);
      const again = await world.get(path, { headers: { 'if-none-match': `"x", W/${etag}` } });
      expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
      const patched = await world.call('PATCH', `/v1/agents/${id}`, { body: { systemPrompt: `for ${path}` } });
      const after = { 'astra-after': patched.headers.get('astra-position') ?? '', 'if-none-match': etag };
      expect((await world.get(path, { headers: after })).status).toBe(200);
    }
  });

  it('numbers its request, and no two alike', async () => {
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => (await world.get('/healthz')).headers.get('astra-request-id')),
    );
    expect(new Set(ids).size).toBe(5);
  });

  it('is counted under its route for those who measure', async () => {
    await world.get(`/v1/agents/${world.id('ag')}`);
    const { headers, body } = await world.get('/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    expect(body).toMatch(/^astra_http_requests_total\{method="GET",path="\/v1\/agents\/\{id\}",status="404"\} \d+$/m);
    expect(body).toMatch(
      /^astra_http_request_duration_seconds_bucket\{method="GET",path="\/healthz",le="\+Inf"\} [1-9]\d*$/m,
    );
    expect(body).toMatch(/^astra_ready 1$/m);
  });
});
