import { readFileSync } from 'node:fs';
import { code, table } from '../markdown.ts';

/** Reasons that events carry: by the file that says them. A reason that its file does not hold any more is an error. */
const reasons: readonly (readonly [name: string, file: string, of: string, meaning: string])[] = [
  ['cancelled', 'actors/goal/client-verbs.ts', 'goal, task', 'somebody asked for it'],
  ['rejected', 'actors/goal/client-verbs.ts', 'goal, task', 'the goal was not approved'],
  ['approval_expired', 'actors/goal/course-verbs.ts', 'goal, task', 'nobody approved the goal in time'],
  ['deadline_exceeded', 'actors/goal/course-verbs.ts', 'goal, task', 'the goal passed its deadline'],
  ['agent_stopped', 'actors/agent/react.ts', 'goal, task', 'its agent was stopped'],
  [
    'dependency_failed',
    'actors/goal/wave.ts',
    'goal, task',
    'what it depends on failed or was cancelled; `culprit` names it',
  ],
  ['goal_failed', 'actors/goal/evolve.ts', 'task', 'the goal failed for another task; `culprit` names it'],
  ['worker_silent', 'kernel/liveness.ts', 'attempt', 'its worker was not heard any more'],
  ['worker_replaced', 'kernel/liveness.ts', 'attempt', 'its worker began another life'],
  ['attempt_not_running', 'kernel/liveness.ts', 'attempt', 'two heartbeats of its worker did not name it'],
  [
    'shard_silent',
    'sandbox/workload.ts',
    'attempt',
    'its worker heard nothing of the kernel that owns the task, and gave it back',
  ],
  ['worker_stopping', 'sandbox/worker.ts', 'attempt', 'its worker stopped, and gave it back'],
];

export function endings(): string {
  for (const [name, file] of reasons)
    if (!readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8').includes(`'${name}'`))
      throw new Error(`expected ${file} to say ${name}`);
  return table(
    ['code', 'of', 'meaning'],
    reasons.map(([name, , of, meaning]) => [code(name), of, meaning]),
  );
}
