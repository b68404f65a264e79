import { Command, type Option } from 'commander';
import { astra } from '../../cli/astra.ts';
import { exitCode, exitCodeOf } from '../../cli/exit-code.ts';
import { type SettingName, settings } from '../../cli/settings.ts';
import type { Terminal } from '../../cli/terminal.ts';
import { palette } from '../../cli/view/palette.ts';
import { AstraError, type ErrorKind } from '../../kernel/errors.ts';
import { blocks, code, fence, generatedMark, list, type Page, table } from './markdown.ts';

const exits: Record<keyof typeof exitCode, string> = {
  completed: 'it is done',
  failed:
    'it ran and did not succeed: a failed goal, a broken chain, a sick dependency, a conflict, nothing of that id',
  usage: 'what was asked for is not valid: an option, a file, a plan',
  unavailable: 'something it needs does not answer: a gateway, a database, a port. Repeating it may help',
  interrupted: 'Ctrl-C, as shells expect',
};

/** Every kind of error, as its own exit code says. */
const kinds: Record<ErrorKind, true> = {
  rejected: true,
  conflict: true,
  duplicate: true,
  fenced: true,
  overloaded: true,
  unavailable: true,
  indeterminate: true,
  cancelled: true,
  contained: true,
  corrupt: true,
};

/** Defaults that depend on the machine, in words. */
const machineDefaults: Readonly<Partial<Record<SettingName, string>>> = { slots: 'twice the processors, at least 4' };

/** Flags that every command takes. */
const everywhere = new Set(['--config', '--json']);

export function cliPage(): Page {
  const program = astra(new Command(), { terminal: nowhere, exit: () => {} });
  const text = blocks(
    generatedMark,
    '# The `astra` command',
    'Run it as `bin/astra`: it finds the right Node.js itself. `--help` behind any command prints what is here. What is for people goes to standard output as text and tables, what is said beside it to standard error; `--json` prints one JSON document on standard output instead. `astra completion bash|zsh|fish` completes commands and options.',
    '## Exit codes',
    table(
      ['code', 'when', 'kinds of [errors](errors.md)'],
      (Object.keys(exits) as (keyof typeof exitCode)[]).map((name) => [
        code(String(exitCode[name])),
        exits[name],
        kindsWith(exitCode[name]).map(code).join(', '),
      ]),
    ),
    '## Settings',
    'Flags go before variables, variables before the config file, the file before defaults. The file is `astra.yaml`, `astra.yml` or `astra.json` in the current directory, or what `--config` or `ASTRA_CONFIG` names; it holds settings by name (`port: 7420`). An unknown name, or a value that does not fit, is refused with its source; secrets are never printed.',
    settingsTable(),
    list([
      `${['KERNEL', 'GATEWAY', 'WORKER'].map((role) => code(`ASTRA_NATS_${role}_USER`)).join(', ')} and the same with ${code('_PASSWORD')}: the NATS users of the roles that ${code('astra up')} starts on an external NATS, a pair each.`,
      `${code('NO_COLOR')} and ${code('TERM=dumb')} are heeded; ${code('astra doctor')} finds ${code('ASTRA_')} variables that mean nothing.`,
    ]),
    '## Commands',
    ...program.commands.flatMap((command) => commandBlocks(command)),
  );
  return { file: 'cli.md', text };
}

const kindsWith = (wanted: number): readonly string[] =>
  (Object.keys(kinds) as ErrorKind[]).filter((kind) => exitCodeOf(new AstraError(kind, 'x', 'x')) === wanted);

function settingsTable(): string {
  const names = Object.keys(settings) as SettingName[];
  return table(
    ['name', 'flag', 'variables', 'default', 'meaning'],
    names.map((name) => {
      const { flag, placeholder, env, description } = settings[name];
      return [
        code(name),
        flag === undefined ? '' : code(`--${flag} ${placeholder}`),
        env.map(code).join(', '),
        defaultText(name),
        withoutDefault(description),
      ];
    }),
  );
}

function defaultText(name: SettingName): string {
  const inWords = machineDefaults[name] ?? /\(default: (.*)\)$/.exec(settings[name].description)?.[1];
  if (inWords !== undefined) return inWords;
  const { fallback } = settings[name];
  if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) return '';
  return code(String(fallback));
}

const withoutDefault = (description: string): string => description.replace(/ \(default: .*\)$/, '');

function commandBlocks(command: Command): readonly string[] {
  const name = pathOf(command);
  if (command.commands.length === 0)
    return [`### ${name}`, sentence(command.description()), ...usageBlocks(command), ...examplesOf(command)];
  return [
    `### ${name}`,
    table(
      ['command', 'what', 'options'],
      command.commands.map((child) => [
        code([child.name(), ...argumentsOf(child)].join(' ')),
        child.description(),
        ownOptions(child).map(optionText).join('<br>'),
      ]),
    ),
    ...settingsOf(...command.commands),
    ...examplesOf(...command.commands),
  ];
}

function usageBlocks(command: Command): readonly string[] {
  const options = ownOptions(command);
  return [
    fence([pathOf(command), ...argumentsOf(command), ...(options.length > 0 ? ['[options]'] : [])].join(' ')),
    ...(options.length > 0
      ? [
          table(
            ['option', 'what'],
            options.map((option) => [code(option.flags), described(option)]),
          ),
        ]
      : []),
    ...settingsOf(command),
  ];
}

/** The settings that commands take as flags. */
function settingsOf(...commands: readonly Command[]): readonly string[] {
  const taken = commands
    .flatMap(({ options }) => options)
    .filter((option) => settingOf(option) !== undefined)
    .map(({ long }) => code(long as string));
  return taken.length === 0 ? [] : [`Settings as flags: ${[...new Set(taken)].join(', ')}.`];
}

const settingOf = ({ long, description }: Option): SettingName | undefined =>
  (Object.keys(settings) as SettingName[]).find(
    (name) => long === `--${settings[name].flag}` && description.startsWith(settings[name].description),
  );

const ownOptions = (command: Command): readonly Option[] =>
  command.options.filter((option) => settingOf(option) === undefined && !everywhere.has(option.long ?? ''));

const optionText = (option: Option): string => `${code(option.flags)} ${described(option)}`;

function described({ description, defaultValue, argChoices }: Option): string {
  const choices = argChoices ? `: ${argChoices.map(code).join(', ')}` : '';
  const isShown = typeof defaultValue === 'string';
  return `${description}${choices}${isShown ? ` (default: ${code(defaultValue)})` : ''}`;
}

const argumentsOf = (command: Command): readonly string[] =>
  command.registeredArguments.map((argument) => {
    const inside = argument.argChoices ? argument.argChoices.join('|') : argument.name();
    return argument.required ? `<${inside}>` : `[${inside}]`;
  });

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** What the help of commands says behind the lists of their options. */
function examplesOf(...commands: readonly Command[]): readonly string[] {
  const said = commands.map((command) => splitExamples(behindOptions(command)));
  const notes = said.map(([note]) => note).filter((note) => note !== '');
  const examples = [...new Set(said.flatMap(([, lines]) => lines))];
  return [...notes.map(sentence), ...(examples.length === 0 ? [] : [fence(examples.join('\n'), 'console')])];
}

function behindOptions(command: Command): string {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return help.slice(command.helpInformation().length);
}

function splitExamples(after: string): readonly [note: string, examples: readonly string[]] {
  const lines = after
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'Examples:');
  const isExample = (line: string): boolean => line.startsWith('$ ');
  return [lines.filter((line) => !isExample(line)).join(' '), lines.filter(isExample)];
}

const sentence = (text: string): string =>
  `${(text[0] ?? '').toUpperCase()}${text.slice(1)}${/[.:]$/.test(text) ? '' : '.'}`;

/** A terminal that nobody looks at. */
const nowhere: Terminal = {
  interactive: false,
  columns: 100,
  rows: undefined,
  paint: palette(false),
  debug: false,
  out: () => {},
  err: () => {},
};
