import type { Command } from 'commander';
import { clientOf } from '../client.ts';
import { clientSettings, examples, type Host, runs } from '../program.ts';
import { column, field, resourceCommands, time } from './resource.ts';

export function agentCommands(program: Command, host: Host): void {
  const group = resourceCommands(program, host, {
    name: 'agents',
    description: 'agents: list, get, create, pause, resume, drain, stop, restart',
    path: '/v1/agents',
    columns: [
      column('id', 'id'),
      column('name', 'name'),
      column('status', 'status'),
      column('kind', 'kind'),
      column('why', (item) => field('suspension', 'reason')(item) || field('reason')(item)),
      column('created', time('createdAt')),
    ],
    filters: [
      { flag: 'status', query: 'status', description: 'active, paused, draining, stopped, failed' },
      { flag: 'tag', query: 'tag', description: 'with this tag' },
      { flag: 'name', query: 'name', description: 'of this name' },
      { flag: 'parent-id', query: 'parentId', description: 'children of this agent' },
    ],
    gettable: true,
    actions: [
      { name: 'pause', description: 'admit no more goals', reason: true },
      { name: 'resume', description: 'admit goals again', reason: true },
      { name: 'drain', description: 'finish its goals, then stop', reason: true },
      { name: 'stop', description: 'stop now', reason: true },
      { name: 'restart', description: 'bring a suspended one back', reason: true },
    ],
    examples: ['astra agents list --status active'],
  });
  const create = group
    .command('create')
    .description('a new agent')
    .argument('<name>')
    .option('--kind <KIND>', 'what sort of agent')
    .option('--parent-id <ID>', 'a child of this agent');
  examples(create, 'astra agents create researcher --kind llm');
  runs(create, host, clientSettings, async ({ config, terminal, json, args, options }) => {
    const { kind, parentId } = options;
    const { body } = await clientOf(config).post('/v1/agents', {
      name: args[0] ?? '',
      ...(typeof kind === 'string' ? { kind } : {}),
      ...(typeof parentId === 'string' ? { parentId } : {}),
    });
    terminal.out(json ? `${JSON.stringify(body)}\n` : `${body['id']}\n`);
  });
}
