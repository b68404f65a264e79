import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { AstraError, type Fault } from '../kernel/errors.ts';
import { usageError } from './exit-code.ts';
import { type SettingName, settings, type Values } from './settings.ts';

/**
 * The one reader of `process.env`: flags over variables over a config file over defaults, checked, with the source of
 * each value remembered. Secrets are {@link Secret}s and print as such.
 */
export interface Config extends Values {
  /** Absolute. */
  readonly dataDir: string;
  /** Where each value came from: `--port`, `ASTRA_PORT`, `astra.yaml: port`, or `default`. */
  readonly sources: { readonly [K in SettingName]: string };
  /** The config file that was read, if any. */
  readonly file: string | undefined;
}

/** What flags say: by setting, as text; `config` names the file. */
export type Flags = { readonly [K in SettingName]?: unknown } & { readonly config?: string };

/** Variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const names = Object.keys(settings) as SettingName[];
const defaultFiles = ['astra.yaml', 'astra.yml', 'astra.json'];

/** Reads and checks everything. Throws `rejected` / `config_invalid` naming every fault and its source. */
export function loadConfig(flags: Flags, environment: Environment = process.env, cwd: string = process.cwd()): Config {
  const file = readFile(flags.config ?? environment['ASTRA_CONFIG'], cwd);
  const faults: Fault[] = [];
  for (const key of Object.keys(file?.values ?? {}))
    if (!(names as string[]).includes(key))
      faults.push({ pointer: `${file?.name}: ${key}`, message: `unknown setting; known are ${names.join(', ')}` });
  const values: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  for (const name of names) {
    const { flag, env, schema, fallback } = settings[name];
    const given = find(name, flag, env, flags, environment, file);
    sources[name] = given?.source ?? 'default';
    if (given === undefined) {
      values[name] = fallback;
      continue;
    }
    const checked = schema.safeParse(given.value);
    if (checked.success) values[name] = checked.data;
    else
      faults.push({
        pointer: given.source,
        message: faultMessage(checked.error.issues[0]?.message, name, given.value),
      });
  }
  if (faults.length > 0)
    throw new AstraError(
      'rejected',
      'config_invalid',
      `the configuration is not valid: ${faults.map((fault) => `${fault.pointer}: ${fault.message}`).join('; ')}`,
      { errors: faults },
    );
  return {
    ...(values as unknown as Values),
    dataDir: resolve(cwd, values['dataDir'] as string),
    sources: sources as Config['sources'],
    file: file?.name,
  };
}

/** What a terminal and its user wish for: colours, width, stack traces. Read before and without the configuration. */
export function terminalWishes(environment: Environment = process.env): {
  noColor: boolean;
  debug: boolean;
  dumb: boolean;
} {
  const debug = environment['ASTRA_DEBUG'];
  return {
    noColor: (environment['NO_COLOR'] ?? '') !== '',
    debug: debug !== undefined && debug !== '' && debug !== '0' && debug !== 'false',
    dumb: environment['TERM'] === 'dumb',
  };
}

/**
 * The environment of a role's process: this process's own without Astra's variables, and with these settings instead.
 * Secrets travel here because arguments can be seen by every user of the machine.
 */
export function roleEnvironment(
  given: { readonly [K in SettingName]?: string | number | undefined },
  environment: Environment = process.env,
): Record<string, string> {
  const out: Record<string, string> = {};
  const ours = new Set(names.flatMap((name) => settings[name].env).concat('ASTRA_CONFIG'));
  ours.delete('ASTRA_DEBUG');
  for (const [key, value] of Object.entries(environment)) if (value !== undefined && !ours.has(key)) out[key] = value;
  for (const name of names) {
    const value = given[name];
    const variable = settings[name].env[0];
    if (value !== undefined && variable !== undefined) out[variable] = String(value);
  }
  return out;
}

/** Variables that look like ours and mean nothing: usually a slip of the pen. */
export function unknownVariables(environment: Environment = process.env): readonly string[] {
  const known = new Set([...names.flatMap((name) => settings[name].env), 'ASTRA_CONFIG', ...roleCredentialVariables()]);
  return Object.keys(environment).filter((key) => key.startsWith('ASTRA_') && !known.has(key));
}

/** The NATS user of a role on an external server: `ASTRA_NATS_KERNEL_USER`, `ASTRA_NATS_KERNEL_PASSWORD`, … */
export function roleCredentials(
  role: 'kernel' | 'gateway' | 'worker',
  environment: Environment = process.env,
): { readonly user: string; readonly password: string } | undefined {
  const prefix = `ASTRA_NATS_${role.toUpperCase()}_`;
  const user = environment[`${prefix}USER`];
  const password = environment[`${prefix}PASSWORD`];
  if (user === undefined && password === undefined) return undefined;
  if (!user || !password)
    throw usageError('config_invalid', `${prefix}USER and ${prefix}PASSWORD go together: give both or neither`);
  return { user, password };
}

const roleCredentialVariables = (): readonly string[] =>
  ['KERNEL', 'GATEWAY', 'WORKER'].flatMap((role) => [`ASTRA_NATS_${role}_USER`, `ASTRA_NATS_${role}_PASSWORD`]);

interface ConfigFile {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

function find(
  name: SettingName,
  flag: string | undefined,
  env: readonly string[],
  flags: Flags,
  environment: Environment,
  file: ConfigFile | undefined,
): { readonly value: unknown; readonly source: string } | undefined {
  if (flags[name] !== undefined) return { value: flags[name], source: `--${flag ?? name}` };
  for (const variable of env)
    if ((environment[variable] ?? '') !== '') return { value: environment[variable], source: variable };
  const value = file?.values[name];
  return value === undefined || value === null ? undefined : { value, source: `${file?.name}: ${name}` };
}

function readFile(named: string | undefined, cwd: string): ConfigFile | undefined {
  for (const name of named === undefined ? defaultFiles : [named]) {
    let content: string;
    try {
      content = readFileSync(resolve(cwd, name), 'utf8');
    } catch (cause) {
      if (named === undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw usageError(
        'config_unreadable',
        `the config file ${name} cannot be read (${(cause as NodeJS.ErrnoException).code})`,
        cause,
      );
    }
    let values: unknown;
    try {
      values = parseYaml(content) ?? {};
    } catch (cause) {
      const [first] = (cause as Error).message.split('\n');
      throw usageError('config_invalid', `the config file ${name} is neither YAML nor JSON: ${first}`, cause);
    }
    if (typeof values !== 'object' || values === null || Array.isArray(values))
      throw usageError('config_invalid', `the config file ${name} has to hold settings by name, such as "port: 7420"`);
    return { name, values: values as Record<string, unknown> };
  }
  return undefined;
}

/** Says what was found too, except of what may be a secret. */
function faultMessage(expected: string | undefined, name: SettingName, found: unknown): string {
  const hidden = name === 'apiKey' || name === 'natsPassword' || name === 'databaseUrl' || name === 'natsUrl';
  return hidden ? `${expected}` : `${expected}, found ${JSON.stringify(found)?.slice(0, 80)}`;
}

/** Whether somebody named an org, or it is the default one. */
export const mentionsOrg = (config: Config): boolean => config.sources.org !== 'default';
