import type { Command } from 'commander';
import type { Json } from '../../kernel/envelope.ts';
import { listPage } from '../bounds.ts';
import { type Client, clientOf, type Resource } from '../client.ts';
import { usageError } from '../exit-code.ts';
import { clientSettings, examples, type Host, type Invocation, runs } from '../program.ts';
import type { Terminal } from '../terminal.ts';
import { paintStatus } from '../view/goal-view.ts';
import { table } from '../view/table.ts';
import { plain } from '../view/width.ts';

/** A column of a list: its heading, and where in an item its text comes from. */
export interface Column {
  readonly heading: string;
  readonly text: (item: Resource) => string;
}

/** An action on one thing: `POST /v1/<path>/{id}/<name>` (or DELETE on the thing itself). */
export interface Action {
  readonly name: string;
  readonly description: string;
  /** Takes `--reason`. */
  readonly reason?: boolean;
  readonly method?: 'POST' | 'DELETE';
}

/** A resource of the gateway as commands: `list`, `get` and its actions. */
export interface ResourceCommands {
  readonly name: string;
  readonly description: string;
  readonly path: string;
  readonly columns: readonly Column[];
  /** Filters of the list: flag → query parameter. */
  readonly filters: readonly { readonly flag: string; readonly query: string; readonly description: string }[];
  readonly gettable: boolean;
  readonly actions: readonly Action[];
  readonly examples: readonly string[];
}

export const field =
  (...path: readonly string[]) =>
  (item: Resource): string => {
    let value: Json | undefined = item;
    for (const step of path) value = (value as Resource | undefined)?.[step];
    return value === undefined || value === null
      ? ''
      : plain(typeof value === 'object' ? JSON.stringify(value) : String(value));
  };

/** A time as people read it: to the second, in UTC. */
export const time =
  (name: string) =>
  (item: Resource): string =>
    field(name)(item)
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z');

export const column = (heading: string, text: Column['text'] | string): Column => ({
  heading,
  text: typeof text === 'string' ? field(text) : text,
});

export function resourceCommands(program: Command, host: Host, resource: ResourceCommands): Command {
  const group = program.command(resource.name).description(resource.description);
  const list = group.command('list').description('newest first');
  for (const { flag, description } of resource.filters) list.option(`--${flag} <VALUE>`, description);
  list
    .option('--limit <N>', 'how many (1 to 500)', '50')
    .option('--cursor <CURSOR>', 'go on where a list ended')
    .option('--all', 'every page');
  examples(list, ...resource.examples);
  runs(list, host, clientSettings, (invocation) => listResource(resource, invocation));
  if (resource.gettable)
    runs(
      group.command('get').description('one, in full').argument('<id>'),
      host,
      clientSettings,
      async ({ config, terminal, json, args }) => {
        const item = await clientOf(config).get(itemPath(resource, args[0]));
        terminal.out(json ? `${JSON.stringify(item)}\n` : document(item, terminal));
      },
    );
  for (const action of resource.actions) {
    const command = group.command(action.name).description(action.description).argument('<id>');
    if (action.reason) command.option('--reason <TEXT>', 'why, for the record');
    runs(command, host, clientSettings, async ({ config, terminal, json, args, options }) => {
      const reason = options['reason'];
      const path = itemPath(resource, args[0]);
      const answer =
        action.method === 'DELETE'
          ? await clientOf(config).request('DELETE', path)
          : await clientOf(config).post(`${path}/${action.name}`, typeof reason === 'string' ? { reason } : {});
      const { position = null } = answer;
      terminal.out(
        json
          ? `${JSON.stringify({ ...answer.body, position })}\n`
          : `${action.name}: done${position ? `, committed at ${position}` : ''}\n`,
      );
    });
  }
  return group;
}

export const itemPath = (resource: Pick<ResourceCommands, 'path'>, id: string | undefined): string =>
  `${resource.path}/${encodeURIComponent(id ?? '')}`;

async function listResource(
  resource: ResourceCommands,
  { config, terminal, json, options }: Invocation,
): Promise<void> {
  const client = clientOf(config);
  const all = options['all'] === true;
  const limit = Number(options['limit']);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500)
    throw usageError(
      'option_invalid',
      `--limit: expected a whole number from 1 to 500, found ${JSON.stringify(options['limit'])}`,
    );
  const query: Record<string, string | number | undefined> = { limit: all ? listPage : limit };
  for (const { flag, query: name } of resource.filters) {
    const value = options[flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === 'string') query[name] = value;
  }
  if (typeof options['cursor'] === 'string') query['cursor'] = options['cursor'];
  const { items, nextCursor } = all
    ? await everything(client, resource.path, query)
    : await client.list(resource.path, query);
  if (json) {
    terminal.out(`${JSON.stringify({ items, nextCursor })}\n`);
    return;
  }
  if (items.length === 0) {
    terminal.err('none\n');
    return;
  }
  terminal.out(listTable(resource.columns, items, terminal));
  if (nextCursor) terminal.err(terminal.paint.dim(`more: --cursor ${nextCursor}\n`));
}

async function everything(client: Client, path: string, query: Record<string, string | number | undefined>) {
  const items: Resource[] = [];
  let cursor = query['cursor'];
  do {
    const page = await client.list(path, { ...query, cursor });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return { items, nextCursor: null };
}

export function listTable(columns: readonly Column[], items: readonly Resource[], terminal: Terminal): string {
  return table(
    columns.map(({ heading }) => heading),
    items.map((item) =>
      columns.map(({ heading, text }) => (heading === 'status' ? paintStatus(text(item), terminal.paint) : text(item))),
    ),
    terminal,
  );
}

/** One thing for people: a line a field; what is nested, as indented JSON. */
export function document(item: Resource, terminal: Terminal): string {
  const entries = Object.entries(item).filter(([, value]) => value !== undefined && value !== null);
  const widest = Math.max(0, ...entries.map(([key]) => key.length));
  return entries
    .map(([key, value]) => {
      const label = terminal.paint.dim(key.padEnd(widest));
      if (typeof value !== 'object') {
        const text = plain(String(value));
        return `${label}  ${key === 'status' ? paintStatus(text, terminal.paint) : text}\n`;
      }
      const nested = JSON.stringify(value, null, 2);
      return nested.length <= 80 && !nested.includes('\n') ? `${label}  ${nested}\n` : `${label}  ${indent(value)}\n`;
    })
    .join('');
}

function indent(value: Json): string {
  const short = JSON.stringify(value);
  return short.length <= 100 ? short : JSON.stringify(value, null, 2).replaceAll('\n', '\n  ');
}
