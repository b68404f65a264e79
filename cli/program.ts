import { type Command, Option } from 'commander';
import { type Config, type Flags, loadConfig } from './config.ts';
import { type SettingName, settings } from './settings.ts';
import type { Terminal } from './terminal.ts';

/** What a command is given to run with. */
export interface Invocation {
  readonly config: Config;
  readonly terminal: Terminal;
  /** Set with `--json`: print one JSON document for programs. */
  readonly json: boolean;
  /** The command's own options, by camelCase name. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
  /** Ends the process with this code once the command is through (0 by default). */
  readonly exit: (code: number) => void;
}

export type Run = (invocation: Invocation) => Promise<void>;

/** How a command comes to its terminal and hands its exit code back. */
export interface Host {
  readonly terminal: Terminal;
  readonly exit: (code: number) => void;
}

/** Settings that a command takes as flags, beside `--config`. */
export const clientSettings: readonly SettingName[] = ['url', 'apiKey', 'dataDir'];
export const storeSettings: readonly SettingName[] = ['databaseUrl', 'dataDir'];

const camel = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/** Adds settings as flags, `--config` and `--json`, and runs the command with what they say. */
export function runs(command: Command, host: Host, names: readonly SettingName[], run: Run): Command {
  for (const name of names) {
    const { flag, placeholder, description, fallback } = settings[name];
    if (flag === undefined) continue;
    const shown =
      fallback === undefined ? '' : ` (default: ${Array.isArray(fallback) ? fallback.join(',') : fallback})`;
    command.addOption(new Option(`--${flag} <${placeholder}>`, description + shown));
  }
  command.option('--config <FILE>', 'settings in YAML or JSON (default: astra.yaml, if there is one)');
  command.option('--json', 'print JSON, for programs');
  return command.action(async () => {
    const options = command.opts<Record<string, unknown>>();
    await run({
      config: loadConfig(flagsOf(options, names)),
      terminal: host.terminal,
      json: options['json'] === true,
      options,
      args: command.args,
      exit: host.exit,
    });
  });
}

function flagsOf(options: Readonly<Record<string, unknown>>, names: readonly SettingName[]): Flags {
  const flags: Record<string, unknown> = {};
  for (const name of names) {
    const { flag } = settings[name];
    if (flag !== undefined) flags[name] = options[camel(flag)];
  }
  return { ...flags, ...(typeof options['config'] === 'string' ? { config: options['config'] } : {}) };
}

/** Examples under a command's help. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
