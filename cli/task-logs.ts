import { stripVTControlCharacters } from 'node:util';
import { AstraError } from '../kernel/errors.ts';
import type { Client } from './client.ts';
import { readEvents } from './event-stream.ts';
import type { Terminal } from './terminal.ts';

interface Chunk {
  readonly attempt: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/**
 * Prints a task's output: what it wrote to stdout on stdout, the rest on stderr. With `follow`, goes on until the task ends.
 * On a terminal, control sequences of the task are taken out: its output must not steer the terminal.
 */
export async function printLogs(
  client: Client,
  path: string,
  { follow, json, terminal }: { readonly follow: boolean; readonly json: boolean; readonly terminal: Terminal },
): Promise<void> {
  const put = (chunk: Chunk) => {
    if (json) terminal.out(`${JSON.stringify(chunk)}\n`);
    else {
      const text = terminal.interactive ? stripVTControlCharacters(chunk.text) : chunk.text;
      if (chunk.stream === 'stderr') terminal.err(text);
      else terminal.out(text);
    }
  };
  if (!follow) {
    const answer = await client.get(`${path}/logs`);
    for (const chunk of (answer['items'] ?? []) as unknown as readonly Chunk[]) put(chunk);
    return;
  }
  await client.get(path);
  const response = await client.raw('GET', `${path}/logs`, {
    query: { follow: 'true' },
    signal: new AbortController().signal,
  });
  if (!response.ok || !response.body)
    throw new AstraError(
      'unavailable',
      'logs_unavailable',
      `the log cannot be followed (${response.status}): try without --follow`,
    );
  for await (const event of readEvents(response.body)) {
    if (event.name === 'end') return;
    if (event.data !== '') put(JSON.parse(event.data) as Chunk);
  }
}
