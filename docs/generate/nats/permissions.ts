import { natsAccounts, type StoredNatsUser } from '../../../cli/nats-users.ts';
import {
  insideAccount,
  type NatsPermissions,
  publisherPermissions,
  rolePermissions,
  workerPermissions,
} from '../../../kernel/nats/users.ts';
import { blocks, code, details, json, table } from '../markdown.ts';
import { org } from './run.ts';

const roles: Record<Parameters<typeof rolePermissions>[0], string> = {
  kernel: 'owns shards',
  gateway: 'answers HTTP',
  worker: 'runs tasks, of any org it is enrolled for',
  publisher: 'publishes into any org: for bridges that you run yourself',
};

const password = '…';
const examples: readonly StoredNatsUser[] = [
  { user: 'kernel', password, role: 'kernel' },
  { user: 'gateway', password, role: 'gateway' },
  { user: 'worker', password, role: 'worker' },
  { user: 'publisher-acme-1', password, role: 'publisher', org },
  { user: 'worker-acme-1', password, role: 'worker', org, pools: ['gpu'], types: ['train'] },
];

export function permissionsSection(): string {
  const cells = ({ publish, subscribe }: NatsPermissions): readonly string[] => [
    publish.map(code).join('<br>'),
    subscribe.map(code).join('<br>'),
  ];
  const worker = workerPermissions(org, 'worker-acme-1', ['gpu'], ['train']);
  return blocks(
    '## Users and permissions',
    'The embedded server has one user a role, made by `astra up`, each with exactly these permissions and inboxes of its own:',
    table(
      ['user', 'may publish', 'may subscribe'],
      Object.keys(roles).map((role) => [
        `${code(role)}<br>${roles[role as keyof typeof roles]}`,
        ...cells(rolePermissions(role as keyof typeof roles, role)),
      ]),
    ),
    `${code('astra keys create --nats publisher --org acme')} makes a user of one org, which sees nothing of any other:`,
    table(
      ['user', 'may publish', 'may subscribe'],
      [[code('publisher-acme-1'), ...cells(publisherPermissions(org, 'publisher-acme-1'))]],
    ),
    `${code('astra keys create --nats worker --org acme --pools gpu --types train')} makes a worker of one org. It may pull the durables of its pools and types alone, and a durable has a name of one token, so that a permission can say exactly that:`,
    table(['user', 'may publish', 'may subscribe'], [[code('worker-acme-1'), ...cells(worker)]]),
    'Permissions say what a user may publish to, and not where a server answers: a PubAck, a pulled message and the acknowledgement of an ack go to whatever subject the message names for them, `$JS.API.STREAM.DELETE.CMD` or a lane of another org, and are published by the server, which may do anything. So each user of one org has an account of its own, which imports exactly what it may publish and hear. In there such a subject leads to that user and to nobody else. The roles share the account that has the streams: they are trusted with all of it, and a `worker` or `publisher` of many orgs is as well. Use those on machines of your own only.',
    `With an external server the command prints the account for its configuration instead of storing it. Reload that server twice, or restart it: what an account that is new with a reload imports reaches nobody before the next one (nats-server 2.14). Users that are put beside the roles, into ${code(insideAccount)} or into a server without accounts, are held by their permissions alone. The roles and these two, as nats-server takes them:`,
    details('Configuration', json({ accounts: natsAccounts(examples) })),
  );
}
