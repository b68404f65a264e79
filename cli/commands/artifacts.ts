import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { AstraError } from '../../kernel/errors.ts';
import { clientOf } from '../client.ts';
import { usageError } from '../exit-code.ts';
import { clientSettings, examples, type Host, runs } from '../program.ts';

export function artifactCommands(program: Command, host: Host): void {
  const group = program.command('artifacts').description('files that tasks left: get');
  const get = group
    .command('get')
    .description('the bytes, to standard output or a file')
    .argument('<sha256>')
    .option('-o, --output <FILE>', 'write here');
  examples(get, 'astra artifacts get 9f86d0…0a08 -o report.md');
  runs(get, host, clientSettings, async ({ config, args, options }) => {
    const sha256 = args[0] ?? '';
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw usageError('artifact_invalid', 'expected a SHA-256 of 64 hex digits');
    const response = await clientOf(config).raw('GET', `/v1/artifacts/${sha256}`, {
      signal: new AbortController().signal,
    });
    if (response.status === 404) throw new AstraError('rejected', 'not_found', `there is no artifact ${sha256}`);
    if (!response.ok || !response.body)
      throw new AstraError('unavailable', 'artifact_unavailable', `the gateway answered ${response.status}`);
    const file = options['output'];
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    if (typeof file === 'string') await pipeline(body, createWriteStream(file));
    else await pipeline(body, process.stdout, { end: false });
  });
}
