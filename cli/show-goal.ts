import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { listPage } from './bounds.ts';
import type { Client, Resource } from './client.ts';
import { exitCode } from './exit-code.ts';
import { followGoal } from './follow.ts';
import type { Terminal } from './terminal.ts';
import { bytes } from './view/duration.ts';
import { errorText } from './view/goal-view.ts';
import { plain } from './view/width.ts';

export interface ShowGoalOptions {
  readonly client: Client;
  readonly goalId: string;
  readonly after?: string | undefined;
  readonly terminal: Terminal;
  readonly json: boolean;
  /** Ctrl-C: `cancel` the goal and see it end (a second one leaves at once), or `leave` it running. */
  readonly onInterrupt: 'cancel' | 'leave';
}

/** Follows a goal to its end, then prints its result or its error, and its artifacts. Answers the exit code. */
export async function showGoal(options: ShowGoalOptions): Promise<number> {
  const { client, goalId, after, terminal, json, onInterrupt } = options;
  const leaving = new AbortController();
  let cancelled = false;
  const interrupt = () => {
    if (onInterrupt === 'leave' || cancelled) {
      leaving.abort(new AstraError('cancelled', 'interrupted', `left; the goal goes on: astra goals watch ${goalId}`));
      return;
    }
    cancelled = true;
    terminal.err('\ncancelling the goal; Ctrl-C again leaves at once\n');
    client
      .post(`/v1/goals/${goalId}/cancel`, { reason: 'interrupted at the command line' })
      .catch((error: Error) => leaving.abort(error));
  };
  process.on('SIGINT', interrupt);
  try {
    const show = json ? 'none' : terminal.interactive ? 'view' : 'lines';
    const { goal } = await followGoal({ client, goalId, after, show, terminal, signal: leaving.signal });
    const full = await client.get(`/v1/goals/${goalId}`);
    const { items } = await client.list('/v1/tasks', { goalId, limit: listPage });
    if (json) terminal.out(`${JSON.stringify({ goal: full, tasks: items })}\n`);
    else printEnd(full, items, terminal);
    if (cancelled) return exitCode.interrupted;
    return goal.status === 'completed' ? exitCode.completed : exitCode.failed;
  } catch (error) {
    if (error instanceof AstraError && error.code === 'interrupted') {
      terminal.err(`${error.message}\n`);
      return exitCode.interrupted;
    }
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function printEnd(goal: Resource, tasks: readonly Resource[], terminal: Terminal): void {
  const { paint } = terminal;
  terminal.out('\n');
  if (goal['status'] === 'completed') {
    if (goal['result'] !== undefined)
      terminal.out(`${paint.bold('result')} ${JSON.stringify(goal['result'], null, 2)}\n`);
  } else
    terminal.out(`${paint.red(`the goal ${goal['status']}`)}${goal['error'] ? `: ${errorText(goal['error'])}` : ''}\n`);
  for (const task of tasks) {
    if (task['status'] === 'dead_letter')
      terminal.out(
        `  ${paint.red('✘')} ${plain(String(task['key']))}: ${errorText(task['error'])}\n    astra tasks logs ${task['id']} · astra tasks redrive ${task['id']}\n`,
      );
  }
  const artifacts = tasks.flatMap((task) => (task['artifacts'] ?? []) as readonly Artifact[]);
  for (const { name, size, sha256 } of artifacts)
    terminal.out(
      `${paint.bold('artifact')} ${plain(name)}  ${bytes(size)}  ${paint.dim(`astra artifacts get ${sha256}`)}\n`,
    );
}

type Artifact = { readonly [key: string]: Json } & {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
};
