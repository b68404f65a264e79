import type { Fact, Stamped } from '../../kernel/behavior.ts';
import type { GoalEvent, GoalStatus } from '../goal/events.ts';
import type { PlannedTask } from '../goal/plan.ts';
import type { TaskEvent, TaskStatus } from '../task/events.ts';

/**
 * A goal and its tasks as plain as they can be told from their events, by somebody who does not trust the behaviors: what must
 * never happen throws.
 */
export class GoalModel {
  status: GoalStatus | undefined;
  run = 1;
  readonly tasks = new Map<string, TaskModel>();
  #plan: readonly PlannedTask[] = [];

  fold({ type, data, actor }: Stamped<Fact>): void {
    if (actor.type === 'goal') this.#goal({ type, data } as GoalEvent);
    if (actor.type === 'task') this.#task(actor.id.slice(actor.id.indexOf('.') + 1), { type, data } as TaskEvent);
  }

  get isEnded(): boolean {
    return this.status === 'completed' || this.status === 'failed' || this.status === 'cancelled';
  }

  #goal(event: GoalEvent): void {
    if (event.type === 'GoalWatched' || event.type === 'GoalAdmissionDeclined') return;
    expectThat(!this.isEnded || event.type === 'GoalReopened', `${event.type} of a goal that is ${this.status}`);
    switch (event.type) {
      case 'GoalSubmitted':
        this.#plan = event.data.plan?.tasks ?? [];
        this.status = event.data.plan ? 'submitted' : 'planning';
        if (!event.data.plan) this.tasks.set('_plan', new TaskModel(undefined));
        break;
      case 'GoalPlanned':
        this.#plan = event.data.plan.tasks;
        break;
      case 'GoalApprovalRequested':
        this.status = 'awaiting_approval';
        break;
      case 'GoalActivated':
        this.status = 'active';
        for (const task of this.#plan) this.tasks.set(task.key, new TaskModel(task));
        expectThat(event.data.tasks === this.#plan.length, 'as many tasks as planned');
        break;
      case 'GoalPaused':
        this.status = 'paused';
        break;
      case 'GoalResumed':
        this.status = 'active';
        break;
      case 'GoalCompleted': {
        this.status = 'completed';
        const isNeeded = (key: string): boolean => this.#plan.some(({ dependsOn }) => dependsOn.includes(key));
        const sinks = this.#plan.filter(({ key }) => !isNeeded(key)).map(({ key }) => key);
        expectThat(`${event.data.sinks}` === `${sinks}`, `sinks ${sinks}, found ${event.data.sinks}`);
        const failed = this.#plan.filter(({ key }) => this.#statusOf(key) !== 'completed').map(({ key }) => key);
        expectThat(`${event.data.failedTasks}` === `${failed}`, `failed ${failed}, found ${event.data.failedTasks}`);
        for (const key of failed) expectThat(this.#isSettledWell(key), `no ${key} in a completed goal`);
        break;
      }
      case 'GoalFailed':
        this.status = 'failed';
        break;
      case 'GoalCancelled':
        this.status = 'cancelled';
        break;
      case 'GoalReopened':
        expectThat(event.data.run === this.run + (this.isEnded ? 1 : 0), `run ${event.data.run} behind ${this.run}`);
        this.run = event.data.run;
        this.status = 'active';
        break;
    }
  }

  #task(key: string, event: TaskEvent): void {
    const task = this.tasks.get(key);
    if (!task) throw new Error(`${event.type} of ${key}, which is not there`);
    if (event.type === 'TaskQueued' && event.data.offer === 1) {
      expectThat(this.status === 'active' || key === '_plan', `${key} queued in a goal that is ${this.status}`);
      for (const dependency of task.planned?.dependsOn ?? [])
        expectThat(this.#isSettledWell(dependency), `${key} queued before ${dependency}`);
    }
    if (event.type === 'TaskStarted')
      expectThat(this.status === 'active' || key === '_plan', `${key} started in a goal that is ${this.status}`);
    task.fold(event, this.run + (this.isEnded ? 1 : 0));
  }

  #statusOf = (key: string): TaskStatus | undefined => this.tasks.get(key)?.status;

  #isSettledWell(key: string): boolean {
    const { status, culprit, planned } = this.tasks.get(key) as TaskModel;
    if (status === 'completed') return true;
    if (planned?.onFailure !== 'continue') return false;
    return status === 'dead_letter' || (status === 'cancelled' && culprit === undefined);
  }
}

const expectThat = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`expected ${what}`);
};

const open: ReadonlySet<TaskStatus> = new Set(['created', 'pending', 'queued', 'running', 'failed']);

/** One task; `pending` is no state of its own here. */
class TaskModel {
  readonly planned: PlannedTask | undefined;
  status: TaskStatus = 'created';
  culprit: string | undefined;
  attempt = 0;
  #run = 1;
  #attemptsOfRun = 0;

  constructor(planned: PlannedTask | undefined) {
    this.planned = planned;
  }

  get isOpen(): boolean {
    return open.has(this.status);
  }

  fold(event: TaskEvent, run: number): void {
    const expects = (holds: boolean): void =>
      expectThat(holds, `no ${JSON.stringify(event)} of a ${this.status} task in attempt ${this.attempt}`);
    const begins = event.type === 'TaskRedriven' || event.type === 'TaskReopened';
    expects(this.isOpen !== begins);
    switch (event.type) {
      case 'TaskQueued':
        expects(event.data.attempt === this.attempt + (event.data.offer === 1 ? 1 : 0) && event.data.run === this.#run);
        expects(event.data.offer === 1 ? this.status !== 'queued' : this.status === 'queued');
        if (event.data.offer === 1) this.#attemptsOfRun++;
        expects(this.#attemptsOfRun <= (this.planned?.maxAttempts ?? 3));
        this.attempt = event.data.attempt;
        this.status = 'queued';
        break;
      case 'TaskStarted':
        expects(this.status === 'queued' && event.data.attempt === this.attempt);
        this.status = 'running';
        break;
      case 'TaskCompleted':
        expects(this.status === 'running' && event.data.attempt === this.attempt);
        this.status = 'completed';
        break;
      case 'TaskAttemptFailed':
      case 'TaskAttemptLost':
        expects(this.status === 'running' && event.data.attempt === this.attempt);
        this.status = 'failed';
        break;
      case 'TaskDeadLettered':
        expects(event.data.run === this.#run);
        this.status = 'dead_letter';
        break;
      case 'TaskCancelled':
        this.status = 'cancelled';
        this.culprit = event.data.culprit;
        break;
      case 'TaskRedriven':
      case 'TaskReopened':
        expects(
          this.status === (event.type === 'TaskRedriven' ? 'dead_letter' : 'cancelled') && event.data.run === run,
        );
        this.status = 'created';
        this.culprit = undefined;
        this.#run = event.data.run;
        this.#attemptsOfRun = 0;
        break;
      case 'TaskProgressed':
      case 'TaskSignalled':
        expects(this.status === 'running');
        break;
    }
  }
}
