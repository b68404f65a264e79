import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RoleSpec } from '../cli/supervisor/child.ts';
import { Supervisor } from '../cli/supervisor/supervisor.ts';

const main = fileURLToPath(new URL('supervised-role.ts', import.meta.url));
const patience = { timeout: 30_000, interval: 20 };

let place: string;
let said: string[];
let roles: Readonly<Record<string, number>>;
const started: Supervisor[] = [];

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'astra-supervisor-'));
  said = [];
  roles = {};
});
afterEach(async () => {
  for (const supervisor of started.splice(0)) {
    supervisor.kill();
    await supervisor.stop();
  }
  rmSync(place, { recursive: true });
});

function supervise(restart = true): Supervisor {
  const supervisor = new Supervisor({
    main,
    restart,
    output: { line: () => {}, say: (_, message) => said.push(message) },
    onChange: (now) => {
      roles = now;
    },
  });
  started.push(supervisor);
  return supervisor;
}

const spec = (name: string, stopMs = 10_000): RoleSpec => ({
  role: name,
  name,
  environment: { TRACE: join(place, 'trace') },
  startMs: 30_000,
  stopMs,
});

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('a role that is killed is started again, as another process', async () => {
  const supervisor = supervise();
  await supervisor.start(spec('well'));
  const first = roles['well'] as number;
  process.kill(first, 'SIGKILL');
  await vi.waitFor(() => expect(said).toContain('well is back'), patience);
  expect(said[0]).toBe('well was killed by SIGKILL; starting it again');
  expect(roles['well']).not.toBe(first);
  expect(alive(roles['well'] as number)).toBe(true);
});

test('without restarts a death ends everything, and says who died', async () => {
  const supervisor = supervise(false);
  await supervisor.start(spec('well'));
  process.kill(roles['well'] as number, 'SIGKILL');
  expect(await supervisor.gaveUp).toMatchObject({
    code: 'role_died',
    message: expect.stringContaining('well was killed by SIGKILL'),
  });
});

test('a role that dies before it is ready is tried again, and then given up', async () => {
  await expect(supervise().start(spec('crashing'))).rejects.toMatchObject({ code: 'role_failed', kind: 'unavailable' });
  expect(said).toEqual(['crashing did not start; trying again', 'crashing did not start; trying again']);
});

test('a role that says its settings are wrong is not tried again, and its own words are told', async () => {
  await expect(supervise().start(spec('invalid'))).rejects.toMatchObject({
    kind: 'rejected',
    message: expect.stringContaining('slots: expected more [bad_setting]'),
  });
  expect(said).toEqual([]);
});

test('the processes of one role stop together', async () => {
  const supervisor = supervise();
  for (const name of ['one', 'two']) await supervisor.start({ ...spec(name), role: 'paired' });
  expect(await supervisor.stop()).toBe(true);
});

test('roles stop in the reverse of their order', async () => {
  const supervisor = supervise();
  for (const name of ['first', 'second', 'third']) await supervisor.start(spec(name));
  expect(await supervisor.stop()).toBe(true);
  expect(readFileSync(join(place, 'trace'), 'utf8')).toBe('third\nsecond\nfirst\n');
  for (const pid of Object.values(roles)) expect(alive(pid)).toBe(false);
});

test('a role that does not stop is killed, and the others still stop cleanly', async () => {
  const supervisor = supervise();
  await supervisor.start(spec('well'));
  await supervisor.start(spec('stubborn', 50));
  expect(await supervisor.stop()).toBe(false);
  expect(readFileSync(join(place, 'trace'), 'utf8')).toBe('well\n');
  expect(said).toContain('stubborn did not stop in time and was killed');
});

test('a role does not outlive a supervisor that was killed', async () => {
  const supervisor = spawn(process.execPath, [fileURLToPath(new URL('supervising.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(supervisor.stdout, 'data')) as [Buffer];
  const role = Number(line.toString());
  expect(alive(role)).toBe(true);
  supervisor.kill('SIGKILL');
  await vi.waitFor(() => expect(alive(role)).toBe(false), patience);
});
