import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Host, runs } from '../program.ts';

/** The version of this Astra, as its package says. */
export const astraVersion: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

export function versionCommand(program: Command, host: Host): void {
  runs(
    program.command('version').description('versions of Astra and Node.js'),
    host,
    [],
    async ({ terminal, json }) => {
      const node = process.versions.node;
      terminal.out(
        json ? `${JSON.stringify({ astra: astraVersion, node })}\n` : `astra ${astraVersion} (Node.js ${node})\n`,
      );
    },
  );
}
