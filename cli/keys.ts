import { AstraError } from '../kernel/errors.ts';
import { openPostgresStore, type PostgresStore } from '../kernel/postgres/index.ts';
import { type Config, mentionsOrg } from './config.ts';
import { dataPaths, running } from './data-directory.ts';
import { usageError } from './exit-code.ts';
import { listNatsUsers, makeNatsUser, type NatsGrant, revokeNatsUser, storeNatsUser } from './nats-users.ts';
import type { Invocation } from './program.ts';
import { wordPattern } from './settings.ts';
import { databaseOf } from './store.ts';
import { table } from './view/table.ts';
import { plain } from './view/width.ts';

const scopes = ['read', 'write', 'admin'];

/** Lists API keys (of all orgs, or of the one named) and NATS users. */
export async function listKeys({ config, terminal, json }: Invocation): Promise<void> {
  const keys = await withStore(config, ({ apiKeys }) => apiKeys.list(mentionsOrg(config) ? config.org : undefined));
  const users = listNatsUsers(dataPaths(config.dataDir).natsUsers);
  if (json) {
    terminal.out(`${JSON.stringify({ apiKeys: keys, natsUsers: users })}\n`);
    return;
  }
  const rows = [
    ...keys.map((key) => [
      'http',
      key.id,
      key.org,
      plain(key.name),
      key.scopes.join(','),
      key.revokedAt ? 'revoked' : 'valid',
    ]),
    ...users.map(({ user, role, org }) => ['nats', user, org ?? '', '', role, 'valid']),
  ];
  terminal.out(table(['for', 'id', 'org', 'name', 'may', 'state'], rows, terminal));
}

/** Revokes an API key, or a NATS user made for an org. Throws `not_found`. */
export async function revokeKey({ config, terminal, json, args }: Invocation): Promise<void> {
  const id = args[0] ?? '';
  const path = dataPaths(config.dataDir).natsUsers;
  if (listNatsUsers(path).some(({ user, org }) => user === id && org !== undefined)) {
    revokeNatsUser(path, id);
    reloadRunning(config);
  } else if (!(await withStore(config, ({ apiKeys }) => apiKeys.revoke(id))))
    throw new AstraError(
      'rejected',
      'not_found',
      `there is no valid key ${JSON.stringify(id)}: astra keys list shows them`,
    );
  terminal.out(json ? `${JSON.stringify({ id, revoked: true })}\n` : `revoked ${plain(id)}\n`);
}

/** Makes an API key, or with `--nats` a NATS user; shows its secret, once. */
export async function createKey(invocation: Invocation): Promise<void> {
  const role = invocation.options['nats'];
  await (role === 'publisher' || role === 'worker' ? createNatsUser(role, invocation) : createApiKey(invocation));
}

async function createApiKey({ config, terminal, json, options, args }: Invocation): Promise<void> {
  const wanted = String(options['scopes'])
    .split(',')
    .map((scope) => scope.trim());
  const wrong = wanted.find((scope) => !scopes.includes(scope));
  if (wrong !== undefined)
    throw usageError(
      'scope_unknown',
      `--scopes: expected some of ${scopes.join(', ')}, found ${JSON.stringify(wrong)}`,
    );
  const name = args[0] ?? 'unnamed';
  const { key, text } = await withStore(config, ({ apiKeys }) =>
    apiKeys.create({ org: config.org, name, scopes: wanted }),
  );
  terminal.out(json ? `${JSON.stringify({ id: key.id, org: key.org, scopes: key.scopes, key: text })}\n` : `${text}\n`);
  if (!json) terminal.err('this key is shown once; gateways know it within seconds\n');
}

async function createNatsUser(
  role: 'publisher' | 'worker',
  { config, terminal, json, options }: Invocation,
): Promise<void> {
  const { org, pools } = config;
  const types = String(options['types']).split(',');
  const wrong = types.find((type) => !wordPattern.test(type));
  if (wrong !== undefined)
    throw usageError(
      'type_invalid',
      `--types: expected task types of 1 to 64 of a-z, 0-9, _ and -, found ${JSON.stringify(wrong)}`,
    );
  const grant: NatsGrant = role === 'worker' ? { role, org, pools, types } : { role, org };
  const here = running(config.dataDir);
  const { made, accounts } = makeNatsUser(grant);
  // An external server has its own list of accounts: its owner puts this one there.
  const embedded = config.natsUrl === undefined && (here === undefined || here.embedded.nats);
  if (embedded) {
    storeNatsUser(dataPaths(config.dataDir).natsUsers, made);
    reloadRunning(config);
  }
  if (json) {
    terminal.out(
      `${JSON.stringify({ ...made, ...(embedded ? { url: here?.natsUrl } : { configuration: { accounts } }) })}\n`,
    );
    return;
  }
  terminal.out(`user      ${made.user}\npassword  ${made.password}\n`);
  if (!embedded)
    terminal.out(`\nPut this account into the server's configuration:\n${JSON.stringify({ accounts }, null, 2)}\n`);
  else if (here) terminal.err(`it may connect to ${here.natsUrl} now\n`);
  else terminal.err('it may connect once astra up runs\n');
}

/** The running `astra up` reads its NATS users again. */
function reloadRunning(config: Config): void {
  const here = running(config.dataDir);
  if (here?.embedded.nats) process.kill(here.pid, 'SIGHUP');
}

async function withStore<T>(config: Config, use: (store: PostgresStore) => Promise<T>): Promise<T> {
  const store = openPostgresStore(databaseOf(config).reveal(), 'astra-keys');
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
