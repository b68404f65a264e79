import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig, roleEnvironment, unknownVariables } from './config.ts';
import { redactUrl } from './secret.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'astra-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const file = (name: string, content: string) => writeFileSync(join(cwd, name), content);

test('defaults: port 7420, loopback, .astra in the current directory', () => {
  const config = loadConfig({}, {}, cwd);
  expect(config).toMatchObject({
    port: 7420,
    host: '127.0.0.1',
    dataDir: join(cwd, '.astra'),
    org: 'default',
    allowDriver: ['thread'],
  });
  expect(config.sources.port).toBe('default');
});

test('how many kernels: the flag over ASTRA_KERNELS over the file, one by default, and never none', () => {
  expect(loadConfig({}, {}, cwd)).toMatchObject({ kernels: 1, sources: { kernels: 'default' } });
  file('astra.yaml', 'kernels: 2\n');
  expect(loadConfig({}, {}, cwd)).toMatchObject({ kernels: 2, sources: { kernels: 'astra.yaml: kernels' } });
  expect(loadConfig({}, { ASTRA_KERNELS: '3' }, cwd)).toMatchObject({ kernels: 3 });
  expect(loadConfig({ kernels: '4' }, { ASTRA_KERNELS: '3' }, cwd)).toMatchObject({ kernels: 4 });
  for (const kernels of ['0', '9', 'many'])
    expect(() => loadConfig({ kernels }, {}, cwd)).toThrow(/--kernels: expected a whole number from 1 to 8/);
});

test('flags go before variables, variables before the file, the file before defaults', () => {
  file('astra.yaml', 'port: 1\nhost: 10.0.0.1\norg: file\n');
  const config = loadConfig({ port: '3' }, { ASTRA_PORT: '2', ASTRA_HOST: '10.0.0.2' }, cwd);
  expect(config).toMatchObject({ port: 3, host: '10.0.0.2', org: 'file' });
  expect(config.sources).toMatchObject({
    port: '--port',
    host: 'ASTRA_HOST',
    org: 'astra.yaml: org',
    slots: 'default',
  });
});

test('DATABASE_URL and NATS_URL are accepted; the ASTRA_ ones go first', () => {
  const config = loadConfig(
    {},
    { DATABASE_URL: 'postgres://a/1', ASTRA_DATABASE_URL: 'postgres://b/2', NATS_URL: 'nats://c' },
    cwd,
  );
  expect(config.databaseUrl?.reveal()).toBe('postgres://b/2');
  expect(config.natsUrl?.reveal()).toBe('nats://c');
});

test('a config file may be JSON and be named', () => {
  file('other.json', '{"port": 8080, "pools": ["a", "b"]}');
  expect(loadConfig({ config: 'other.json' }, {}, cwd)).toMatchObject({ port: 8080, pools: ['a', 'b'] });
  expect(loadConfig({}, { ASTRA_CONFIG: 'other.json' }, cwd).port).toBe(8080);
});

test('lists are separated by commas', () => {
  const config = loadConfig({ pools: 'a, b', allowDriver: 'process,thread' }, {}, cwd);
  expect(config).toMatchObject({ pools: ['a', 'b'], allowDriver: ['process', 'thread'] });
});

test.each([
  [{ port: 'abc' }, {}, '--port: expected a whole number from 0 to 65535, found "abc"'],
  [{ port: '70000' }, {}, '--port: expected a whole number from 0 to 65535, found "70000"'],
  [{}, { ASTRA_SLOTS: '0' }, 'ASTRA_SLOTS: expected a whole number from 1 to 4096, found "0"'],
  [{ org: 'Some Org' }, {}, '--org: expected an org: 1 to 40 of a-z, 0-9 and -, found "Some Org"'],
  [{ allowDriver: 'docker!' }, {}, '--allow-driver: expected drivers'],
  [{ url: 'ftp://x' }, {}, '--url: expected a URL starting with http:// or https://, found "ftp://x"'],
])('%o %o is refused with one clear fault', (flags, environment, message) => {
  expect(() => loadConfig(flags, environment, cwd)).toThrow(message);
});

test('all faults are told at once', () => {
  file('astra.yaml', 'prot: 1\nslots: many\n');
  expect(() => loadConfig({ port: 'x' }, {}, cwd)).toThrow(
    /astra\.yaml: prot: unknown setting.*--port: .*astra\.yaml: slots: /s,
  );
});

test('a fault of a secret does not repeat it', () => {
  const attempt = () => loadConfig({}, { DATABASE_URL: 'mysql://user:hunter2@host/db' }, cwd);
  expect(attempt).toThrow('DATABASE_URL: expected a URL starting with postgres:// or postgresql://');
  expect(attempt).not.toThrow(/hunter2/);
});

test('a missing or broken config file is one clear error', () => {
  expect(() => loadConfig({ config: 'none.yaml' }, {}, cwd)).toThrow(
    'the config file none.yaml cannot be read (ENOENT)',
  );
  file('bad.yaml', 'a: [');
  expect(() => loadConfig({ config: 'bad.yaml' }, {}, cwd)).toThrow(
    'the config file bad.yaml is neither YAML nor JSON',
  );
  file('list.yaml', '- a');
  expect(() => loadConfig({ config: 'list.yaml' }, {}, cwd)).toThrow('has to hold settings by name');
});

test('secrets print as such, in every way of printing', () => {
  const config = loadConfig(
    { apiKey: 'astra_id_hunter2' },
    {
      DATABASE_URL: 'postgres://me:hunter2@db:5432/astra?password=hunter2',
      NATS_URL: 'nats://me:hunter2@a,nats://me:hunter2@b',
    },
    cwd,
  );
  const printed = [
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    `${config.databaseUrl} ${config.natsUrl} ${config.apiKey}`,
  ];
  for (const text of printed) expect(text).not.toContain('hunter2');
  expect(`${config.databaseUrl}`).toBe('postgres://db:5432/astra');
});

test('a URL that cannot be read is not shown at all', () => {
  expect(redactUrl('not a url with hunter2')).toBe('[unreadable URL]');
});

test('a role gets its settings and none of ours by accident', () => {
  const environment = roleEnvironment(
    { port: 1, databaseUrl: 'postgres://x' },
    { PATH: '/bin', ASTRA_API_KEY: 'secret', DATABASE_URL: 'postgres://other', ASTRA_DEBUG: '1' },
  );
  expect(environment).toEqual({ PATH: '/bin', ASTRA_PORT: '1', ASTRA_DATABASE_URL: 'postgres://x', ASTRA_DEBUG: '1' });
});

test('variables that mean nothing are found', () => {
  expect(unknownVariables({ ASTRA_PROT: '1', ASTRA_PORT: '1', ASTRA_NATS_KERNEL_USER: 'k', OTHER: '1' })).toEqual([
    'ASTRA_PROT',
  ]);
});
