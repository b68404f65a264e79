import type { Command } from 'commander';
import { exitCode } from '../exit-code.ts';
import { examples, type Host, runs, storeSettings } from '../program.ts';
import { databaseOf } from '../store.ts';

export function verifyCommand(program: Command, host: Host): void {
  const command = program.command('verify').description('recompute the hash chain of every stored event');
  examples(command, 'astra verify', 'astra verify --database-url postgres://… --json');
  runs(command, host, storeSettings, async ({ config, terminal, json, exit }) => {
    const { verifyLog } = await import('../verify-log.ts');
    const progress = (done: number, of: number) => {
      if (terminal.interactive && !json)
        terminal.err(`\r\x1b[2K${done < of ? `verifying shard ${done} of ${of}` : ''}`);
    };
    const { databaseId, shards, events, flawed } = await verifyLog(databaseOf(config).reveal(), progress);
    if (json)
      terminal.out(
        `${JSON.stringify({
          ok: flawed.length === 0,
          databaseId,
          shards,
          events,
          flaws: flawed.map(({ shard, flaw }) => ({ shard, ...flaw })),
        })}\n`,
      );
    else if (flawed.length === 0)
      terminal.out(
        `${terminal.paint.green('✔')} ${events} events in ${shards} shards: every hash follows from the one before\n`,
      );
    else
      for (const { flaw } of flawed)
        terminal.out(
          `${terminal.paint.red('✘')} at ${flaw?.position}: expected ${flaw?.expected}, found ${flaw?.found}\n`,
        );
    if (flawed.length > 0) exit(exitCode.failed);
  });
}
