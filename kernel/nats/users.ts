import { namesOf, workDurable } from './names.ts';

/** What a user of NATS may do: subjects, as nats-server's configuration takes them. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const { root, work, logs, log } = namesOf();
const lanes = ['high', 'normal', 'low'];
const inboxes = '_INBOX.';
const inboxOf = (user: string): string => `${inboxes}${user}.>`;

/** The account of the roles and their streams. */
export const insideAccount = 'ASTRA';

/** As nats-server takes them. */
export type NatsExport = { readonly service: string; readonly response_type?: 'stream' } | { readonly stream: string };
export type NatsImport = {
  readonly [kind in 'service' | 'stream']?: { readonly account: string; readonly subject: string };
};

/** What the account of the roles has for others; what each takes of it is in its imports. */
export const accountExports: readonly NatsExport[] = [
  { service: `${root}.in.*.>` },
  { service: `${root}.cmd.*.*.batch` },
  { service: `${root}.cmd.*.*.worker` },
  { service: `${root}.hb.*.*` },
  { service: `${root}.logs.*.>` },
  { service: `$JS.API.CONSUMER.MSG.NEXT.${work}.*`, response_type: 'stream' },
  { service: `$JS.ACK.${work}.>` },
  { stream: `${root}.reply.*.>` },
  { stream: `${root}.evt.*.>` },
  { stream: `${root}.ctl.*.*` },
];

/**
 * The imports of a user's own account: what it may publish and hear, from the account of the roles (I10). A server
 * answers to whatever subject a message names for it (a PubAck, a pulled message, the acknowledgement of an ack), and no
 * permission holds the server. In an account of its own, such a subject leads nowhere but to this user.
 */
export const accountImports = ({ publish, subscribe }: NatsPermissions): readonly NatsImport[] => [
  ...publish.map((subject) => ({ service: { account: insideAccount, subject } })),
  ...subscribe
    .filter((subject) => !subject.startsWith(inboxes))
    .map((subject) => ({ stream: { account: insideAccount, subject } })),
];

/**
 * The permissions of Astra's own roles (docs/nats.md, "Inside"): commands, channels and LOG are closed to all but those
 * that need them. `user` is the NATS user's name: each has inboxes of its own.
 */
export function rolePermissions(role: 'kernel' | 'gateway' | 'worker' | 'publisher', user: string): NatsPermissions {
  const inbox = inboxOf(user);
  switch (role) {
    case 'kernel':
      return { publish: [`${root}.>`, '$JS.API.>', '$JS.ACK.>', '$JS.FC.>', inbox], subscribe: [`${root}.>`, inbox] };
    case 'gateway':
      return {
        publish: [
          `${root}.cmd.>`,
          '$JS.API.INFO',
          ...[log, logs].flatMap((stream) => [
            `$JS.API.STREAM.INFO.${stream}`,
            `$JS.API.CONSUMER.CREATE.${stream}.>`,
            `$JS.API.CONSUMER.CREATE.${stream}`,
          ]),
          '$JS.FC.>',
        ],
        subscribe: [`${root}.reply._gateway.>`, `${root}.heads`, `${root}.stats.*`, inbox],
      };
    case 'worker':
      return {
        publish: [
          `${root}.cmd.*.*.batch`,
          `${root}.cmd.*.*.worker`,
          `${root}.hb.*.*`,
          `${root}.logs.>`,
          `$JS.API.CONSUMER.MSG.NEXT.${work}.*`,
          `$JS.ACK.${work}.>`,
        ],
        subscribe: [`${root}.reply.*.>`, `${root}.ctl.*.*`, inbox],
      };
    case 'publisher':
      return { publish: [`${root}.in.*.>`], subscribe: [`${root}.reply.*.>`, `${root}.evt.>`, inbox] };
  }
}

/** A publisher of one org: it may publish into it, and hear its answers and events; nothing of any other (I10). */
export const publisherPermissions = (org: string, user: string): NatsPermissions => ({
  publish: [`${root}.in.${org}.>`],
  subscribe: [`${root}.reply.${org}.>`, `${root}.evt.${org}.>`, inboxOf(user)],
});

/** A worker of one org, for these pools and types: exactly their durables, since a durable's name is one token. */
export const workerPermissions = (
  org: string,
  user: string,
  pools: readonly string[],
  types: readonly string[],
): NatsPermissions => {
  const durables = pools.flatMap((pool) =>
    types.flatMap((type) => lanes.map((lane) => workDurable(org, pool, type, lane))),
  );
  return {
    publish: [
      `${root}.cmd.*.${org}.batch`,
      `${root}.cmd.*.${org}.worker`,
      `${root}.hb.${org}.*`,
      `${root}.logs.${org}.>`,
      ...durables.flatMap((durable) => [
        `$JS.API.CONSUMER.MSG.NEXT.${work}.${durable}`,
        `$JS.ACK.${work}.${durable}.>`,
      ]),
    ],
    subscribe: [`${root}.reply.${org}.>`, `${root}.ctl.${org}.*`, inboxOf(user)],
  };
};
