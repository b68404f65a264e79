import type { Command } from 'commander';
import type { Finding } from '../doctor/finding.ts';
import { exitCode } from '../exit-code.ts';
import { examples, type Host, runs } from '../program.ts';
import type { Terminal } from '../terminal.ts';
import { pad } from '../view/width.ts';

const nameWidth = 15;

export function doctorCommand(program: Command, host: Host): void {
  const command = program.command('doctor').description('check every dependency: what is wrong, and what to do');
  examples(command, 'astra doctor', 'DATABASE_URL=postgres://… NATS_URL=nats://… astra doctor', 'astra doctor --json');
  runs(
    command,
    host,
    ['url', 'apiKey', 'dataDir', 'host', 'port', 'databaseUrl', 'natsUrl'],
    async ({ config, terminal, json, exit }) => {
      const { machineFindings } = await import('../doctor/machine.ts');
      const { serverFindings } = await import('../doctor/servers.ts');
      const findings = [...(await machineFindings(config)), ...(await serverFindings(config))];
      const sick = findings.filter(({ state }) => state === 'bad').length;
      if (json) terminal.out(`${JSON.stringify({ ok: sick === 0, findings })}\n`);
      else {
        for (const finding of findings) terminal.out(lineOf(finding, terminal));
        terminal.out(sick === 0 ? '\nall is well\n' : `\n${sick} ${sick === 1 ? 'thing is' : 'things are'} wrong\n`);
      }
      if (sick > 0) exit(exitCode.failed);
    },
  );
}

function lineOf({ name, state, detail, advice }: Finding, { paint }: Terminal): string {
  const mark = { ok: paint.green('✔'), warning: paint.yellow('!'), bad: paint.red('✘'), skipped: paint.dim('–') }[
    state
  ];
  const hint = advice === undefined ? '' : `\n  ${' '.repeat(nameWidth)}${paint.dim(`→ ${advice}`)}`;
  return `${mark} ${pad(name, nameWidth)}${detail}${hint}\n`;
}
