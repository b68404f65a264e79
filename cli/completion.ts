import type { Command } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

interface Node {
  /** The words before: `goals list`. */
  readonly path: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly { readonly flag: string; readonly description: string; readonly takesValue: boolean }[];
}

/** A script for a shell, written from the command tree itself: it cannot know less, or more, than the command. */
export function completionScript(shell: Shell, program: Command): string {
  const nodes = walk(program, '');
  if (shell === 'fish') return fish(nodes);
  return shell === 'zsh' ? `#compdef astra\nautoload -U +X bashcompinit && bashcompinit\n${bash(nodes)}` : bash(nodes);
}

function walk(command: Command, path: string): readonly Node[] {
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
  const node: Node = {
    path,
    subcommands: visible.map((one) => ({ name: one.name(), description: one.description() })),
    options: command
      .createHelp()
      .visibleOptions(command)
      .flatMap((option) =>
        option.long
          ? [{ flag: option.long, description: option.description, takesValue: option.required || option.optional }]
          : [],
      ),
  };
  return [node, ...visible.flatMap((one) => walk(one, path === '' ? one.name() : `${path} ${one.name()}`))];
}

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map(
    ({ path, subcommands, options }) =>
      `    '${path}') choices='${[...subcommands.map(({ name }) => name), ...options.map(({ flag }) => flag)].join(' ')}' ;;`,
  );
  const known = nodes.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const valued = [
    ...new Set(nodes.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag))),
  ];
  return `_astra() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} spot='' next word choices='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    next=\${spot:+$spot }$word
    case $next in
      ${known.join(' | ')}) spot=$next ;;
    esac
  done
  case $prev in
    ${valued.join(' | ')}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case $spot in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  if [[ $spot == run && $cur != -* ]]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _astra astra
`;
}

function fish(nodes: readonly Node[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = ['complete -c astra -f'];
  for (const { path, subcommands, options } of nodes) {
    const [first, second] = path.split(' ');
    const when =
      path === ''
        ? '__fish_use_subcommand'
        : [first, second]
            .filter((word) => word)
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join('; and ');
    for (const { name, description } of subcommands)
      lines.push(`complete -c astra -n ${quote(when)} -a ${name} -d ${quote(description)}`);
    for (const { flag, description, takesValue } of options)
      lines.push(
        `complete -c astra -n ${quote(when)} -l ${flag.slice(2)} -d ${quote(description)}${takesValue ? ' -r' : ''}`,
      );
  }
  lines.push("complete -c astra -n '__fish_seen_subcommand_from run' -F");
  return `${lines.join('\n')}\n`;
}
