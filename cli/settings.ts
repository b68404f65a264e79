import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { kernelsMax } from './bounds.ts';
import { Secret, SecretUrl } from './secret.ts';

/**
 * Every setting of Astra, in one table: its name in a config file, its environment variables (first one wins), its flag,
 * how it is checked, and its default. `cli/config.ts` reads them; help, `doctor` and the manual are written from here.
 */
export interface Setting<T> {
  /** `--flag <value>` without the value; settings without one are given by file or environment. */
  readonly flag?: string;
  /** What stands for the value in help. */
  readonly placeholder: string;
  readonly env: readonly string[];
  readonly description: string;
  /** From what a flag, a variable or a file says (text, or a value of YAML) to the value; its messages name what was expected. */
  readonly schema: z.ZodType<T>;
  readonly fallback: T;
}

const setting = <T>(of: Setting<T>): Setting<T> => of;

const text = (expected: string) => z.string({ error: `expected ${expected}` }).min(1, `expected ${expected}`);

const whole = (least: number, most: number) => {
  const expected = `expected a whole number from ${least} to ${most}`;
  return z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], { error: expected })
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, expected);
};

const flag = z.union(
  [
    z.boolean(),
    z.enum(['1', 'true', 'yes', 'on']).transform(() => true),
    z.enum(['', '0', 'false', 'no', 'off']).transform(() => false),
  ],
  { error: 'expected true or false' },
);

const list = (item: RegExp, expected: string) =>
  z
    .union(
      [
        z.array(z.string()),
        z.string().transform((all) =>
          all
            .split(',')
            .map((one) => one.trim())
            .filter((one) => one !== ''),
        ),
      ],
      { error: expected },
    )
    .refine((all) => all.every((one) => item.test(one)), expected);

const secret = z
  .string({ error: 'expected text' })
  .min(1, 'expected text')
  .transform((value) => new Secret(value));

const url = (schemes: readonly string[]) => {
  const expected = `expected a URL starting with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`;
  return z.string({ error: expected }).refine(
    (value) =>
      value.split(',').every((one) => {
        const parsed = URL.canParse(one) ? new URL(one) : undefined;
        return parsed !== undefined && schemes.includes(parsed.protocol);
      }),
    expected,
  );
};

export const orgPattern = /^[a-z0-9-]{1,40}$/;
/** Pools and task types. */
export const wordPattern = /^[a-z0-9_-]{1,64}$/;
const optional = <T>(schema: z.ZodType<T>): z.ZodType<T | undefined> => schema;

export const settings = {
  org: setting({
    flag: 'org',
    placeholder: 'ORG',
    env: ['ASTRA_ORG'],
    description: 'the tenant',
    schema: text('an org: 1 to 40 of a-z, 0-9 and -').regex(orgPattern, 'expected an org: 1 to 40 of a-z, 0-9 and -'),
    fallback: 'default',
  }),
  dataDir: setting({
    flag: 'data-dir',
    placeholder: 'DIR',
    env: ['ASTRA_DATA_DIR'],
    description: 'where embedded servers, keys and artifacts live, relative to the current directory',
    schema: text('a directory'),
    fallback: '.astra',
  }),
  host: setting({
    flag: 'host',
    placeholder: 'ADDRESS',
    env: ['ASTRA_HOST'],
    description: 'address the gateway listens on',
    schema: text('an address'),
    fallback: '127.0.0.1',
  }),
  port: setting({
    flag: 'port',
    placeholder: 'PORT',
    env: ['ASTRA_PORT'],
    description: 'port the gateway listens on; 0 takes a free one',
    schema: whole(0, 65_535),
    fallback: 7420,
  }),
  url: setting({
    flag: 'url',
    placeholder: 'URL',
    env: ['ASTRA_URL'],
    description: 'the gateway to talk to (default: that of the data directory, else http://127.0.0.1:7420)',
    schema: optional(url(['http:', 'https:'])),
    fallback: undefined,
  }),
  apiKey: setting({
    flag: 'api-key',
    placeholder: 'KEY',
    env: ['ASTRA_API_KEY'],
    description: 'the API key (default: the one in the data directory)',
    schema: optional(secret),
    fallback: undefined,
  }),
  databaseUrl: setting({
    flag: 'database-url',
    placeholder: 'URL',
    env: ['ASTRA_DATABASE_URL', 'DATABASE_URL'],
    description: 'PostgreSQL 15 or later; without one, astra up runs an embedded server',
    schema: optional(url(['postgres:', 'postgresql:']).transform((value) => new SecretUrl(value))),
    fallback: undefined,
  }),
  natsUrl: setting({
    flag: 'nats-url',
    placeholder: 'URL',
    env: ['ASTRA_NATS_URL', 'NATS_URL'],
    description: 'NATS with JetStream; without one, astra up runs an embedded server',
    schema: optional(url(['nats:', 'tls:', 'ws:', 'wss:']).transform((value) => new SecretUrl(value))),
    fallback: undefined,
  }),
  natsUser: setting({
    placeholder: 'USER',
    env: ['ASTRA_NATS_USER'],
    description: 'NATS user of this role',
    schema: optional(text('a user name')),
    fallback: undefined,
  }),
  natsPassword: setting({
    placeholder: 'PASSWORD',
    env: ['ASTRA_NATS_PASSWORD'],
    description: 'its password',
    schema: optional(secret),
    fallback: undefined,
  }),
  kernels: setting({
    flag: 'kernels',
    placeholder: 'N',
    env: ['ASTRA_KERNELS'],
    description: 'kernel processes of astra up, which share the shards out among themselves',
    schema: whole(1, kernelsMax),
    fallback: 1,
  }),
  slots: setting({
    flag: 'slots',
    placeholder: 'N',
    env: ['ASTRA_SLOTS'],
    description: 'tasks a worker runs at once',
    schema: whole(1, 4096),
    fallback: Math.max(4, availableParallelism() * 2),
  }),
  pools: setting({
    flag: 'pools',
    placeholder: 'NAMES',
    env: ['ASTRA_POOLS'],
    description: 'pools a worker serves, separated by commas',
    schema: list(wordPattern, 'expected pool names, 1 to 64 of a-z, 0-9, _ and -, separated by commas').refine(
      (all) => all.length > 0,
      'expected at least one pool',
    ),
    fallback: ['default'] as readonly string[],
  }),
  allowDriver: setting({
    flag: 'allow-driver',
    placeholder: 'NAMES',
    env: ['ASTRA_ALLOW_DRIVER'],
    description: 'sandbox drivers a worker may use; `process` gives tasks all the rights of its user',
    schema: list(/^(thread|process)$/, 'expected drivers out of thread and process, separated by commas'),
    fallback: ['thread'] as readonly string[],
  }),
  allowPrivate: setting({
    placeholder: 'HOSTS',
    env: ['ASTRA_ALLOW_PRIVATE'],
    description: 'hosts that tasks of type http may reach although they are private or loopback, separated by commas',
    schema: list(/^[A-Za-z0-9.*:_[\]-]+$/, 'expected hosts separated by commas'),
    fallback: [] as readonly string[],
  }),
  artifacts: setting({
    flag: 'artifacts',
    placeholder: 'PLACE',
    env: ['ASTRA_ARTIFACTS'],
    description: 'where artifacts are kept: files (in the data directory, which roles share) or postgres',
    schema: z.enum(['files', 'postgres'], { error: 'expected files or postgres' }),
    fallback: 'files' as 'files' | 'postgres',
  }),
  workerName: setting({
    flag: 'name',
    placeholder: 'NAME',
    env: ['ASTRA_WORKER_NAME'],
    description:
      'name of a worker: it keeps its identity over restarts (default: none, a new identity each time; astra up keeps one)',
    schema: optional(text('a name')),
    fallback: undefined,
  }),
  idempotencyDays: setting({
    placeholder: 'DAYS',
    env: ['ASTRA_IDEMPOTENCY_DAYS'],
    description: 'how long keyed commands that create nothing are remembered',
    schema: whole(1, 365),
    fallback: 7,
  }),
  logLevel: setting({
    flag: 'log-level',
    placeholder: 'LEVEL',
    env: ['ASTRA_LOG_LEVEL'],
    description: 'error, warn, info or debug',
    schema: z.enum(['error', 'warn', 'info', 'debug'], { error: 'expected error, warn, info or debug' }),
    fallback: 'info',
  }),
  debug: setting({
    placeholder: '1',
    env: ['ASTRA_DEBUG'],
    description: 'print stack traces of errors',
    schema: flag,
    fallback: false,
  }),
};

export type SettingName = keyof typeof settings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** The checked values, as the table's defaults widen them. */
export type Values = { readonly [K in SettingName]: ValueOf<(typeof settings)[K]> };
