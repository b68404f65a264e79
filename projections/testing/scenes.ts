import { type AgentProfile, supervisionDefault } from '../../actors/agent/events.ts';
import type { PlannedTask } from '../../actors/goal/plan.ts';
import type { Happening, Story } from './story.ts';

export const profile = (changes: Partial<AgentProfile> = {}): AgentProfile => ({
  name: 'Ada',
  kind: 'worker',
  systemPrompt: 'Be brief.',
  config: {},
  tags: [],
  allowedTools: [],
  priority: 5,
  parentId: null,
  maxConcurrentGoals: 100,
  metadata: {},
  supervision: supervisionDefault,
  subject: null,
  ...changes,
});

export const planned = (
  key: string,
  dependsOn: readonly string[] = [],
  changes: Partial<PlannedTask> = {},
): PlannedTask => ({
  key,
  type: 'noop',
  input: { key },
  dependsOn,
  pool: 'default',
  priority: 5,
  maxAttempts: 3,
  timeoutMs: 300_000,
  backoff: { minMs: 500, maxMs: 60_000 },
  limits: {},
  onFailure: 'fail_goal',
  ...changes,
});

export interface GoalScene {
  readonly org?: string;
  readonly agentId?: string;
  readonly labels?: { readonly [key: string]: string };
  readonly dependsOn?: readonly string[];
  readonly text?: string;
}

/** What happens to one goal and its tasks, as its kernel would record it. */
export class GoalScript {
  readonly id: string;
  readonly org: string;
  readonly #story: Story;
  readonly #scene: GoalScene;

  constructor(story: Story, scene: GoalScene = {}) {
    this.#story = story;
    this.#scene = scene;
    this.id = story.id('gl');
    this.org = scene.org ?? 'default';
  }

  goal(type: string, data: object = {}): Happening {
    return { org: this.org, actor: 'goal', id: this.id, type, data };
  }

  task(key: string, type: string, data: object = {}): Happening {
    return { org: this.org, actor: 'task', id: `${this.id}.${key}`, type, data };
  }

  submitted(tasks?: readonly PlannedTask[]): Happening {
    const { agentId = 'ag_00000000000000000000000000', labels = {}, dependsOn = [], text } = this.#scene;
    return this.goal('GoalSubmitted', {
      agentId,
      ...(text === undefined ? {} : { text }),
      ...(tasks ? { plan: { tasks } } : {}),
      priority: 5,
      dependsOn,
      deadline: this.#story.at + 7 * 24 * 3_600_000_000,
      requireApproval: false,
      labels,
      agent: { profileVersion: 1, allowedTools: [] },
    });
  }

  /** Submitted and active at once. */
  begun(tasks: readonly PlannedTask[]): readonly Happening[] {
    return [this.submitted(tasks), this.goal('GoalActivated', { tasks: tasks.length })];
  }

  queued(key: string, attempt = 1, more: { run?: number; offer?: number } = {}): Happening {
    return this.task(key, 'TaskQueued', { attempt, offer: 1, run: 1, readyAt: this.#story.at, ...more });
  }

  started(key: string, attempt = 1, worker = 'wk_a'): Happening {
    return this.task(key, 'TaskStarted', { attempt, worker, incarnation: 'i1' });
  }

  completed(key: string, result?: unknown, attempt = 1): Happening {
    return this.task(key, 'TaskCompleted', { attempt, ...(result === undefined ? {} : { result }) });
  }

  failed(key: string, attempt = 1, retryAt?: number): Happening {
    return this.task(key, 'TaskAttemptFailed', {
      attempt,
      error: { code: 'exit_nonzero', message: 'exit code 1' },
      ...(retryAt === undefined ? {} : { retryAt }),
    });
  }

  deadLettered(key: string, attempt = 1): Happening {
    return this.task(key, 'TaskDeadLettered', {
      attempt,
      run: 1,
      error: { code: 'exit_nonzero', message: 'exit code 1' },
    });
  }

  /** Queued, started, completed. */
  ran(key: string, result?: unknown, worker = 'wk_a'): readonly Happening[] {
    return [this.queued(key), this.started(key, 1, worker), this.completed(key, result)];
  }
}
