import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { NatsAccount } from './embedded/nats-settings.ts';
import {
  listNatsUsers,
  loadNatsUsers,
  makeNatsUser,
  natsAccounts,
  revokeNatsUser,
  roleUser,
  storeNatsUser,
} from './nats-users.ts';

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'astra-users-')), 'nats-users');
});
afterEach(() => rmSync(join(path, '..'), { recursive: true }));

test("the roles' users are made once, each with a password of its own, for the owner's eyes", () => {
  const users = loadNatsUsers(path);
  expect(users.map(({ user }) => user)).toEqual(['kernel', 'gateway', 'worker']);
  expect(new Set(users.map(({ password }) => password)).size).toBe(3);
  expect(loadNatsUsers(path)).toEqual(users);
  expect(roleUser(users, 'gateway')).toEqual(users[1]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a publisher is limited to its org's subjects (I10)", () => {
  const { made, accounts } = makeNatsUser({ role: 'publisher', org: 'acme' });
  const { users, imports } = accounts[made.user] as NatsAccount;
  expect(users[0]?.permissions.publish.allow).toEqual(['astra.in.acme.>']);
  expect(imports).toEqual([
    { service: { account: 'ASTRA', subject: 'astra.in.acme.>' } },
    { stream: { account: 'ASTRA', subject: 'astra.reply.acme.>' } },
    { stream: { account: 'ASTRA', subject: 'astra.evt.acme.>' } },
  ]);
  storeNatsUser(path, made);
  const all = natsAccounts(loadNatsUsers(path));
  expect(all).toMatchObject(accounts);
  expect(all['ASTRA']?.users.map(({ user }) => user)).toEqual(['kernel', 'gateway', 'worker']);
});

test('a worker may pull its own pools and types alone', () => {
  const { made, accounts } = makeNatsUser({ role: 'worker', org: 'acme', pools: ['gpu'], types: ['train'] });
  const pulls = (accounts[made.user]?.users[0]?.permissions.publish.allow ?? []).filter((subject) =>
    subject.includes('MSG.NEXT'),
  );
  expect(pulls).toHaveLength(3);
  for (const subject of pulls) expect(subject).toContain('acme=gpu=train=');
});

test('what is listed holds no password; what is revoked is gone', () => {
  const { made } = makeNatsUser({ role: 'publisher', org: 'acme' });
  storeNatsUser(path, made);
  expect(JSON.stringify(listNatsUsers(path))).not.toContain(made.password);
  revokeNatsUser(path, made.user);
  expect(loadNatsUsers(path).map(({ user }) => user)).toEqual(['kernel', 'gateway', 'worker']);
});

test('a file that is no list of users is one clear error', () => {
  writeFileSync(path, '{"broken":');
  expect(() => loadNatsUsers(path)).toThrow(expect.objectContaining({ code: 'nats_users_unreadable' }));
});
