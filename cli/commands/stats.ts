import type { Command } from 'commander';
import type { Json } from '../../kernel/envelope.ts';
import { clientOf } from '../client.ts';
import { clientSettings, examples, type Host, runs } from '../program.ts';
import { plain } from '../view/width.ts';

export function statsCommand(program: Command, host: Host): void {
  const command = program.command('stats').description('counts, rates, latencies and queues');
  examples(command, 'astra stats', 'astra stats --json | jq .tasks');
  runs(command, host, clientSettings, async ({ config, terminal, json }) => {
    const stats = await clientOf(config).get('/v1/stats');
    if (json) terminal.out(`${JSON.stringify(stats)}\n`);
    else for (const line of flatten(stats as Json, '')) terminal.out(`${line}\n`);
  });
}

/** Nested values as `tasks.completed  12` lines; what is empty is left out. */
export function flatten(value: Json, path: string): readonly string[] {
  if (value === null || typeof value !== 'object') return [`${path.padEnd(36)} ${plain(String(value))}`];
  if (Array.isArray(value)) return value.flatMap((item: Json, index) => flatten(item, `${path}[${index}]`));
  return Object.entries(value).flatMap(([key, item]) =>
    item === undefined ? [] : flatten(item as Json, path === '' ? key : `${path}.${key}`),
  );
}
