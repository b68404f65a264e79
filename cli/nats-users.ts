import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  accountExports,
  accountImports,
  insideAccount,
  type NatsPermissions,
  publisherPermissions,
  rolePermissions,
  workerPermissions,
} from '../kernel/nats/index.ts';
import { writePrivate } from './data-directory.ts';
import type { NatsAccounts, NatsUser } from './embedded/index.ts';
import { usageError } from './exit-code.ts';

/** A user of the embedded NATS: the roles' own, and those made for an org. */
const userSchema = z.object({
  user: z.string(),
  password: z.string(),
  role: z.enum(['kernel', 'gateway', 'worker', 'publisher']),
  org: z.string().optional(),
  /** Of a worker for one org: what it may pull. */
  pools: z.array(z.string()).optional(),
  types: z.array(z.string()).optional(),
});
export type StoredNatsUser = z.infer<typeof userSchema>;

const roles = ['kernel', 'gateway', 'worker'] as const;
const passwordBytes = 24;

/** The users in the file (0600); the roles' own are made when they are missing. */
export function loadNatsUsers(path: string): readonly StoredNatsUser[] {
  const kept = read(path);
  const missing = roles.filter((role) => !kept.some(({ user }) => user === role));
  if (missing.length === 0) return kept;
  const users = [...kept, ...missing.map((role) => ({ user: role, password: password(), role }))];
  write(path, users);
  return users;
}

/** What of them may be shown. */
export const listNatsUsers = (path: string): readonly Omit<StoredNatsUser, 'password'>[] =>
  read(path).map(({ user, role, org }) => ({ user, role, ...(org === undefined ? {} : { org }) }));

/** For whom a user is made. */
export type NatsGrant =
  | { readonly role: 'publisher'; readonly org: string }
  | {
      readonly role: 'worker';
      readonly org: string;
      readonly pools: readonly string[];
      readonly types: readonly string[];
    };

/** A new user limited to one org's subjects, and its account for a server's configuration. */
export function makeNatsUser(grant: NatsGrant): { readonly made: StoredNatsUser; readonly accounts: NatsAccounts } {
  const user = `${grant.role}-${grant.org}-${randomBytes(4).toString('hex')}`;
  const limits = grant.role === 'worker' ? { pools: [...grant.pools], types: [...grant.types] } : {};
  const made: StoredNatsUser = { user, password: password(), role: grant.role, org: grant.org, ...limits };
  return { made, accounts: accountOf(made) };
}

export const storeNatsUser = (path: string, made: StoredNatsUser): void => write(path, [...loadNatsUsers(path), made]);

export function revokeNatsUser(path: string, user: string): void {
  write(
    path,
    read(path).filter((one) => one.user !== user),
  );
}

/** The user that a role of this machine connects as. */
export const roleUser = (
  users: readonly StoredNatsUser[],
  role: 'kernel' | 'gateway' | 'worker',
): StoredNatsUser | undefined => users.find((one) => one.user === role);

/** As the server takes them: roles in one account, a user of one org in its own (docs/nats.md, "Users and permissions"). */
export const natsAccounts = (users: readonly StoredNatsUser[]): NatsAccounts => ({
  [insideAccount]: {
    jetstream: 'enabled',
    users: users.filter(({ org }) => org === undefined).map(settingsOf),
    exports: accountExports,
  },
  ...Object.assign({}, ...users.filter(({ org }) => org !== undefined).map(accountOf)),
});

const accountOf = (of: StoredNatsUser): NatsAccounts => ({
  [of.user]: { users: [settingsOf(of)], imports: accountImports(permissionsOf(of)) },
});

function settingsOf(of: StoredNatsUser): NatsUser {
  const { publish, subscribe } = permissionsOf(of);
  return {
    user: of.user,
    password: of.password,
    permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } },
  };
}

function permissionsOf({ user, role, org, pools = [], types = [] }: StoredNatsUser): NatsPermissions {
  if (org === undefined) return rolePermissions(role, user);
  return role === 'worker' ? workerPermissions(org, user, pools, types) : publisherPermissions(org, user);
}

const password = (): string => randomBytes(passwordBytes).toString('base64url');

function read(path: string): readonly StoredNatsUser[] {
  if (!existsSync(path)) return [];
  try {
    return z.array(userSchema).parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw usageError(
      'nats_users_unreadable',
      `${path} is not readable as a list of NATS users: remove it, and the roles get new passwords`,
      cause,
    );
  }
}

const write = (path: string, users: readonly StoredNatsUser[]): void =>
  writePrivate(path, `${JSON.stringify(users, null, 2)}\n`);
