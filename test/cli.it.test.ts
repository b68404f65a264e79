import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { migrate } from '../kernel/postgres/index.ts';
import { makeDatabase } from '../kernel/testing/database.ts';

/** Bad input to the command: one clear error that says what to do, the right exit code, nothing half-done. */
const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'astra-cli-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function astra(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: place,
      env: { PATH: process.env['PATH'], HOME: place, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (out += part));
    child.stderr.setEncoding('utf8').on('data', (part) => (err += part));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** One or two lines, beginning with who speaks, with the code of the error, and no trace of the code behind it. */
function expectOneError({ err }: Ended, code: string): void {
  const lines = err.trim().split('\n');
  expect(lines.length, err).toBeLessThanOrEqual(3);
  expect(lines[0]).toMatch(/^astra: /);
  expect(err).toContain(`[${code}]`);
  expect(err).not.toMatch(/ at .*\.(ts|js):\d+|node:internal/);
}

const listening = (): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

test('up on a port in use says so, and has made nothing', async () => {
  const server = await listening();
  try {
    const ended = await astra(['up', '--port', String(portOf(server))]);
    expect(ended.code).toBe(3);
    expectOneError(ended, 'port_in_use');
    expect(ended.err).toContain(String(portOf(server)));
    expect(readdirSync(place)).toEqual([]);
  } finally {
    server.close();
  }
});

test('up with a database that does not answer says so without its password, and has made nothing', async () => {
  const ended = await astra(['up', '--port', '0'], { DATABASE_URL: 'postgres://astra:hunter2@127.0.0.1:1/astra' });
  expect(ended.code).toBe(3);
  expectOneError(ended, 'postgres_unavailable');
  expect(ended.err + ended.out).not.toContain('hunter2');
  expect(readdirSync(place)).toEqual([]);
});

test('up with a NATS that does not answer, or is none, says so, and has made nothing', async () => {
  const gone = await astra(['up', '--port', '0'], { NATS_URL: 'nats://127.0.0.1:1' });
  expect(gone.code).toBe(3);
  expectOneError(gone, 'nats_unreachable');
  const server = await listening();
  try {
    const other = await astra(['up', '--port', '0'], { NATS_URL: `nats://127.0.0.1:${portOf(server)}` });
    expect(other.code).toBe(3);
    expectOneError(other, 'nats_unfit');
  } finally {
    server.close();
  }
  expect(readdirSync(place)).toEqual([]);
});

test('up on a data directory of a newer version refuses it and leaves it as it is', async () => {
  const directory = join(place, '.astra');
  mkdirSync(directory);
  const version = '{"layout":999,"astra":"9.9.9"}\n';
  writeFileSync(join(directory, 'version'), version);
  const ended = await astra(['up', '--port', '0']);
  expect(ended.code).toBe(2);
  expectOneError(ended, 'data_directory_newer');
  expect(ended.err).toContain('9.9.9');
  expect(readdirSync(directory)).toEqual(['version']);
  expect(readFileSync(join(directory, 'version'), 'utf8')).toBe(version);
});

test('up on a database of a newer version refuses it', async () => {
  const database = await makeDatabase(inject('databaseUrl'));
  try {
    await database.query('create table migrations (version integer primary key, name text, checksum text)');
    await database.query(`insert into migrations values (9999, '9999-later.sql', 'x')`);
    const ended = await astra(['up', '--port', '0'], { DATABASE_URL: database.url, NATS_URL: inject('natsUrl') });
    expect(ended.code).toBe(2);
    expectOneError(ended, 'database_newer');
    expect(existsSync(join(place, '.astra', 'lock'))).toBe(false);
    expect(existsSync(join(place, '.astra', 'running'))).toBe(false);
  } finally {
    await database.drop();
  }
});

test('up on a data directory that is a file, or in use, says so', async () => {
  writeFileSync(join(place, 'file'), '');
  const file = await astra(['up', '--port', '0', '--data-dir', 'file']);
  expect(file.code).toBe(2);
  expectOneError(file, 'data_directory_unusable');

  mkdirSync(join(place, '.astra'));
  writeFileSync(join(place, '.astra', 'lock'), `${process.pid} -\n`);
  const used = await astra(['up', '--port', '0']);
  expect(used.code).toBe(3);
  expectOneError(used, 'data_directory_in_use');
  expect(used.err).toContain(String(process.pid));
});

test('run without a gateway says how to start one', async () => {
  writeFileSync(join(place, 'plan.yaml'), 'tasks: [{ key: a, type: noop }]');
  const ended = await astra(['run', 'plan.yaml', '--url', 'http://127.0.0.1:1']);
  expect(ended.code).toBe(3);
  expectOneError(ended, 'gateway_unreachable');
  expect(ended.err).toContain('astra up');
});

test.each([
  ['a missing file', ['run', 'none.yaml'], 'plan_file_missing'],
  ['a directory', ['run', '.'], 'plan_file_unreadable'],
  ['a malformed plan', ['run', 'broken.yaml'], 'plan_file_malformed'],
  ['a missing input', ['run', 'inputs.yaml'], 'input_missing'],
  ['a wrong setting', ['goals', 'list', '--url', 'nonsense'], 'config_invalid'],
  ['a missing config file', ['stats', '--config', 'none.yaml'], 'config_unreadable'],
  ['a wrong limit', ['tasks', 'list', '--limit', '9999'], 'option_invalid'],
  ['no database', ['verify'], 'database_unknown'],
])('%s is a wrong use', async (_, args, code) => {
  writeFileSync(join(place, 'broken.yaml'), 'tasks: [');
  writeFileSync(join(place, 'inputs.yaml'), 'inputs: { a: {} }\ntasks: []');
  const ended = await astra(args);
  expect(ended.code).toBe(2);
  expectOneError(ended, code);
});

test('an unknown command, option or shell is a wrong use, told with help', async () => {
  for (const args of [['explode'], ['goals', 'list', '--sattus', 'x'], ['completion', 'tcsh'], ['run']]) {
    const ended = await astra(args);
    expect(ended.code).toBe(2);
    expect(ended.err).toMatch(/^astra: /);
    expect(ended.err).toContain('--help');
  }
});

test('help and version end well, without colours where nobody looks', async () => {
  for (const args of [
    ['--help'],
    ['up', '--help'],
    ['goals', 'list', '--help'],
    ['--version'],
    ['version', '--json'],
  ]) {
    const ended = await astra(args);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).not.toContain('\u001b');
  }
  expect((await astra(['run', '--help'])).out).toContain('Examples:');
});

test('doctor finds what is wrong, says what to do, and ends with 1', async () => {
  const ended = await astra(['doctor', '--json'], {
    DATABASE_URL: 'postgres://127.0.0.1:1/x',
    NATS_URL: 'nats://127.0.0.1:1',
  });
  expect(ended.code).toBe(1);
  const { ok, findings } = JSON.parse(ended.out) as {
    ok: boolean;
    findings: { name: string; state: string; advice?: string }[];
  };
  expect(ok).toBe(false);
  for (const name of ['postgres', 'nats'])
    expect(findings.find((finding) => finding.name === name)).toMatchObject({
      state: 'bad',
      advice: expect.any(String),
    });
});

test('keys are made, listed without their secrets, and revoked', async () => {
  const database = await makeDatabase(inject('databaseUrl'));
  try {
    await migrate(database.url);
    const environment = { DATABASE_URL: database.url };
    const made = await astra(
      ['keys', 'create', 'dashboard', '--org', 'acme', '--scopes', 'read', '--json'],
      environment,
    );
    expect(made).toMatchObject({ code: 0, err: '' });
    const { id, key } = JSON.parse(made.out) as { id: string; key: string };
    expect(key).toContain(id);
    const listed = await astra(['keys', 'list'], environment);
    expect(listed.out).toMatch(new RegExp(`${id}\\s+acme\\s+dashboard\\s+read\\s+valid`));
    expect(listed.out).not.toContain(key);
    expect(await astra(['keys', 'revoke', id], environment)).toMatchObject({ code: 0 });
    expect((await astra(['keys', 'list'], environment)).out).toContain('revoked');
    const again = await astra(['keys', 'revoke', id], environment);
    expect(again.code).toBe(1);
    expectOneError(again, 'not_found');
    expectOneError(await astra(['keys', 'create', 'x', '--scopes', 'root'], environment), 'scope_unknown');
  } finally {
    await database.drop();
  }
});

test('verify finds a changed event, says where, and ends with 1', async () => {
  const database = await makeDatabase(inject('databaseUrl'));
  try {
    await migrate(database.url);
    const environment = { DATABASE_URL: database.url };
    expect(await astra(['verify', '--json'], environment)).toMatchObject({ code: 0, err: '' });
    await database.query(`update shards set hash = sha256('tampered') where shard = 7`);
    const broken = await astra(['verify', '--json'], environment);
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.out)).toMatchObject({ ok: false, flaws: [{ shard: 7 }] });
  } finally {
    await database.drop();
  }
});
