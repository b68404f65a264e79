import { accept } from '../../kernel/behavior.ts';
import type { Verb } from '../command.ts';
import type { TaskError } from '../task/events.ts';
import type { GoalEvent } from './events.ts';
import { isBroken, isSettledWell, openTasks, reopenable, sinks } from './graph.ts';
import { checkPlan } from './plan-check.ts';
import { type GoalState, isEnded } from './state.ts';
import { begin } from './submission.ts';
import { isOver } from './wave.ts';

/** What a goal's own tasks and its timers bring about. */
export const courseVerbs = {
  /** The planning task's result. */
  planned(state, { plan }, { now }) {
    if (state.status !== 'planning') return accept<GoalEvent>([]);
    const checked = checkPlan(plan, { priority: state.priority, allowedTools: state.agent.allowedTools });
    if (checked.ok)
      return accept<GoalEvent>([
        { type: 'GoalPlanned', data: { plan: checked.plan } },
        begin(checked.plan, state.requireApproval, now),
      ]);
    const faults = checked.faults.slice(0, 10).map(({ pointer, message }) => `${pointer || 'the plan'}: ${message}`);
    const error: TaskError = { code: checked.code, message: `the planner's plan has faults: ${faults.join('; ')}` };
    return accept<GoalEvent>([
      { type: 'GoalPlanRejected', data: { error } },
      { type: 'GoalFailed', data: { error } },
    ]);
  },

  /** A task that it needs has ended without a result. */
  fail: (state, { culprit, error }) =>
    isEnded(state)
      ? accept<GoalEvent>([])
      : accept<GoalEvent>([
          { type: 'GoalFailed', data: { error: error as unknown as TaskError, culprit: culprit as string } },
        ]),

  /** Every task has ended. */
  settle(state, _body, { self }) {
    const { graph } = state;
    if (isEnded(state) || !graph || openTasks(graph) > 0 || !isOver(state.wave)) return accept<GoalEvent>([]);
    const nodes = [...graph.nodes.values()];
    const broken = nodes.find(isBroken);
    if (broken) {
      const { key } = broken.task;
      const error =
        broken.status === 'cancelled'
          ? { code: 'task_cancelled', message: `task ${key} was cancelled in an earlier run` }
          : { code: 'task_failed', message: `task ${key} is a dead letter of an earlier run` };
      return accept<GoalEvent>([{ type: 'GoalFailed', data: { error, culprit: `${self.id}.${key}` } }]);
    }
    const failedTasks = nodes
      .filter((node) => node.status !== 'completed' && isSettledWell(node))
      .map(({ task }) => task.key);
    return accept<GoalEvent>([{ type: 'GoalCompleted', data: { sinks: sinks(graph), failedTasks } }]);
  },

  /** A dead letter was redriven: the next run begins, with what failures had cancelled; or that joins the run that others began. */
  reopen(state) {
    if (!state.graph) return accept<GoalEvent>([]);
    const tasks = reopenable(state.graph);
    // I8: a run with nothing to do has no task whose end would end it. What was redriven may have been cancelled before this came.
    if (tasks.length === 0 && openTasks(state.graph) === 0) return accept<GoalEvent>([]);
    if (isEnded(state)) return accept<GoalEvent>([{ type: 'GoalReopened', data: { run: state.run + 1, tasks } }]);
    return tasks.length === 0
      ? accept<GoalEvent>([])
      : accept<GoalEvent>([{ type: 'GoalReopened', data: { run: state.run, tasks } }]);
  },

  timer(state, { name, generation }) {
    if (isEnded(state) || generation !== state.run) return accept<GoalEvent>([]);
    if (name === 'deadline')
      return accept<GoalEvent>([
        { type: 'GoalCancelled', data: { code: 'deadline_exceeded', reason: 'the goal passed its deadline' } },
      ]);
    if (name === 'approval' && state.status === 'awaiting_approval')
      return accept<GoalEvent>([
        { type: 'GoalApprovalExpired', data: {} },
        { type: 'GoalCancelled', data: { code: 'approval_expired', reason: 'nobody approved the goal in time' } },
      ]);
    return accept<GoalEvent>([]);
  },
} satisfies Record<string, Verb<GoalState, GoalEvent>>;
