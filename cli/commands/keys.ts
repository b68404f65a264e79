import { type Command, Option } from 'commander';
import { examples, type Host, runs, storeSettings } from '../program.ts';

const builtInTypes = 'shell,js,http,sleep,noop';

/** Keys for HTTP, and users for NATS. They are made where the database is: whoever may write there may make them. */
export function keyCommands(program: Command, host: Host): void {
  const group = program.command('keys').description('API keys and NATS users: create, list, revoke');

  const create = group
    .command('create')
    .description('a new API key, or with --nats a NATS user; the secret is shown once')
    .argument('[name]', 'what it is for', 'unnamed')
    .option('--scopes <SCOPES>', 'of an API key: read, write, admin, separated by commas', 'read,write')
    .addOption(new Option('--nats <ROLE>', 'a NATS user instead').choices(['publisher', 'worker']))
    .option('--types <TYPES>', 'task types that a NATS worker may pull, separated by commas', builtInTypes);
  examples(
    create,
    'astra keys create dashboard --scopes read',
    'astra keys create ci --org acme --scopes read,write',
    'astra keys create --nats publisher --org acme',
    'astra keys create --nats worker --org acme --pools gpu --types train',
  );
  runs(create, host, [...storeSettings, 'org', 'pools', 'natsUrl'], async (invocation) =>
    (await import('../keys.ts')).createKey(invocation),
  );

  const list = group.command('list').description('all keys and users, without their secrets');
  runs(list, host, [...storeSettings, 'org'], async (invocation) => (await import('../keys.ts')).listKeys(invocation));

  const revoke = group
    .command('revoke')
    .description('an API key or a NATS user: it is refused from now on')
    .argument('<id>');
  runs(revoke, host, storeSettings, async (invocation) => (await import('../keys.ts')).revokeKey(invocation));
}
