import { Argument, type Command, Option } from 'commander';
import { AstraError } from '../../kernel/errors.ts';
import { openPostgresStore, type PostgresStore } from '../../kernel/postgres/index.ts';
import { type Config, mentionsOrg } from '../config.ts';
import { dataPaths, running } from '../data-directory.ts';
import { usageError } from '../exit-code.ts';
import { addNatsUser, listNatsUsers, revokeNatsUser } from '../nats-users.ts';
import { examples, type Host, type Invocation, runs, storeSettings } from '../program.ts';
import { databaseOf } from '../store.ts';
import { table } from '../view/table.ts';
import { plain } from '../view/width.ts';

const scopes = ['read', 'write', 'admin'];

/** Keys for HTTP, and users for NATS. They are made where the database is: whoever may write there may make them. */
export function keyCommands(program: Command, host: Host): void {
  const group = program.command('keys').description('API keys and NATS users: create, list, revoke');

  const create = group
    .command('create')
    .description('a new API key, or with --nats a NATS user; the secret is shown once')
    .argument('[name]', 'what it is for', 'unnamed')
    .option('--scopes <SCOPES>', 'of an API key: read, write, admin, separated by commas', 'read,write')
    .addOption(new Option('--nats <ROLE>', 'a NATS user instead').choices(['publisher', 'worker']));
  examples(
    create,
    'astra keys create dashboard --scopes read',
    'astra keys create ci --org acme --scopes read,write',
    'astra keys create --nats publisher --org acme',
  );
  runs(create, host, [...storeSettings, 'org'], async (invocation) => {
    const role = invocation.options['nats'];
    await (role === 'publisher' || role === 'worker' ? createNatsUser(role, invocation) : createApiKey(invocation));
  });

  const list = group.command('list').description('all keys and users, without their secrets');
  runs(list, host, [...storeSettings, 'org'], async ({ config, terminal, json }) => {
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
  });

  const revoke = group
    .command('revoke')
    .description('an API key or a NATS user: it is refused from now on')
    .addArgument(new Argument('<id>'));
  runs(revoke, host, storeSettings, async ({ config, terminal, json, args }) => {
    const id = args[0] ?? '';
    const path = dataPaths(config.dataDir).natsUsers;
    if (listNatsUsers(path).some(({ user, role }) => user === id && (role === 'publisher' || role === 'worker'))) {
      revokeNatsUser(path, id);
      reloadRunning(config);
    } else if (!(await withStore(config, ({ apiKeys }) => apiKeys.revoke(id))))
      throw new AstraError(
        'rejected',
        'not_found',
        `there is no valid key ${JSON.stringify(id)}: astra keys list shows them`,
      );
    terminal.out(json ? `${JSON.stringify({ id, revoked: true })}\n` : `revoked ${plain(id)}\n`);
  });
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

async function createNatsUser(role: 'publisher' | 'worker', { config, terminal, json }: Invocation): Promise<void> {
  const here = running(config.dataDir);
  const { made, settings } = addNatsUser(dataPaths(config.dataDir).natsUsers, role, config.org);
  const embedded = here === undefined || here.embedded.nats;
  if (embedded) reloadRunning(config);
  if (json) {
    terminal.out(
      `${JSON.stringify({ ...made, ...(embedded ? { url: here?.natsUrl } : { configuration: settings }) })}\n`,
    );
    return;
  }
  terminal.out(`user      ${made.user}\npassword  ${made.password}\n`);
  if (!embedded)
    terminal.out(`\nPut this user into the server's configuration:\n${JSON.stringify(settings, null, 2)}\n`);
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
