import { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { World } from '../../gateway/testing/world.ts';
import { astra } from '../astra.ts';
import { palette } from '../view/palette.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world.stop();
  expect(world.defects).toEqual([]);
});

/** Runs a command; what it prints. */
async function run(...words: readonly string[]): Promise<string> {
  let printed = '';
  const out = (text: string): void => {
    printed += text;
  };
  const terminal = { interactive: false, columns: 200, rows: 24, paint: palette(false), debug: false, out, err: out };
  const gateway = ['--url', `http://127.0.0.1:${world.port}`, '--api-key', world.key];
  await astra(new Command(), { terminal, exit: () => {} }).parseAsync([...words, ...gateway], { from: 'user' });
  return printed;
}

test('a suspended agent is seen in lists, and goes on when it is resumed or restarted', async () => {
  const agent = await world.agent({ name: 'Ada' });
  const isFailed = (wanted: boolean) =>
    world.shows(`/v1/agents/${agent}`, ({ status }: { status: string }) => (status === 'failed') === wanted);
  expect(await run('supervision', 'list')).toBe('none\n');
  const watcher = await world.fail(agent, 4);
  await isFailed(true);
  const held = await run('supervision', 'list', '--status', 'suspended', '--type', 'agent');
  for (const text of [watcher, `agent ${agent}`, 'suspended', 'restarts', 'internal']) expect(held).toContain(text);
  expect(await run('supervision', 'get', watcher)).toContain(agent);
  expect(await run('agents', 'list', '--status', 'failed')).toMatch(/Ada +failed .*restarts/);
  expect(await run('agents', 'get', agent)).toContain(watcher);
  expect(await run('supervision', 'resume', watcher)).toContain('resume: done');
  await isFailed(false);

  await world.fail(agent, 4);
  await isFailed(true);
  expect(await run('agents', 'restart', agent)).toContain('restart: done');
  await isFailed(false);
  expect(await run('supervision', 'list')).toBe('none\n');
});

test('a child is created and listed by its parent', async () => {
  const parent = await world.agent({ name: 'Parent' });
  const child = (await run('agents', 'create', 'Child', '--parent-id', parent)).trim();
  await world.shows(`/v1/agents/${child}`, ({ parentId }: { parentId: string }) => parentId === parent);
  expect(await run('agents', 'list', '--parent-id', parent)).toContain(child);
});
