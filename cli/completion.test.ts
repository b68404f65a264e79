import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { astra } from './astra.ts';
import { completionScript, shells } from './completion.ts';
import { palette } from './view/palette.ts';

const terminal = {
  interactive: false,
  columns: 80,
  rows: 24,
  paint: palette(false),
  debug: false,
  out: () => {},
  err: () => {},
};
const program = () => astra(new Command(), { terminal, exit: () => {} });

/** What bash offers for these words, the last of which is being typed. */
function complete(...words: string[]): string[] {
  const script = `${completionScript('bash', program())}
COMP_WORDS=(astra ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _astra; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: '/' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, subcommands and options', () => {
  expect(complete('')).toEqual(expect.arrayContaining(['up', 'run', 'goals', 'tasks', 'doctor', 'completion']));
  expect(complete('dea')).toEqual(['dead-letters']);
  expect(complete('goals', 'l')).toEqual(['list']);
  expect(complete('goals', 'list', '--st')).toEqual(['--status']);
  expect(complete('tasks', 'logs', 'gl_x.y', '--f')).toEqual(['--follow']);
  expect(complete('up', '--allow')).toEqual(['--allow-driver']);
});

test('the value of an option is completed with files, not with commands', () => {
  expect(complete('up', '--config', 'us')).toEqual(['usr']);
});

test('every shell has a script that knows every command', () => {
  for (const shell of shells) {
    const script = completionScript(shell, program());
    for (const command of program().commands) if (command.name() !== 'help') expect(script).toContain(command.name());
  }
});

test.each(['bash', 'zsh'] as const)('the %s script has no syntax error', (shell) => {
  const { error, status, stderr } = spawnSync(shell, ['-n'], {
    input: completionScript(shell, program()),
    encoding: 'utf8',
  });
  if (error) return; // No such shell on this machine: there is nothing that could run the script.
  expect([status, stderr]).toEqual([0, '']);
});
