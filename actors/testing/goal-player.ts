import { addressKey } from '../../kernel/address.ts';
import type { Envelope, Json } from '../../kernel/envelope.ts';
import type { Live } from '../../kernel/live.ts';
import type { TaskState } from '../task/state.ts';
import { Domain } from './domain.ts';
import { GoalModel } from './model.ts';
import { holder, spawnedAgent, submittedGoal } from './scenes.ts';

/** One thing that happens to a goal; `at` chooses among those it can happen to. */
export interface Move {
  readonly what: Name;
  readonly at: number;
}

/** How often each is drawn: mostly those that make a goal go on, seldom those that end it. */
export const weights = {
  offer: 120,
  claim: 120,
  complete: 60,
  fail: 50,
  failForGood: 20,
  lose: 20,
  declineHeld: 10,
  declineOffered: 10,
  refuse: 20,
  progress: 10,
  signal: 10,
  repeat: 30,
  speakOfOld: 10,
  wait: 60,
  waitForDays: 2,
  pause: 10,
  resume: 30,
  approve: 30,
  reject: 1,
  cancelGoal: 2,
  cancelTask: 5,
  redrive: 80,
  misplan: 1,
};

type Name = keyof typeof weights;

/** Plays a goal with workers that do anything, and checks every event against a model. */
export class GoalPlayer {
  readonly domain = new Domain();
  readonly model = new GoalModel();
  readonly goalId: string;
  readonly plan: Json;
  #said: Envelope[] = [];
  #seen = 0;

  constructor(input: { readonly plan: Json; readonly isPlanned: boolean; readonly requireApproval: boolean }) {
    const { plan, isPlanned, requireApproval } = input;
    this.plan = plan;
    this.domain.serving = () => ['wk_other'];
    const agentId = spawnedAgent(this.domain);
    const way = isPlanned ? { plan } : { text: 'do it' };
    this.goalId = submittedGoal(this.domain, agentId, { ...way, requireApproval });
    this.#look();
  }

  play({ what, at }: Move): void {
    const { domain, goalId, model } = this;
    const before = domain.events.length;
    const wasEnded = model.isEnded;
    switch (what) {
      case 'offer':
        this.#to(this.#wanting('ready'), at, (task) => domain.local(task.address, 'offer'));
        break;
      case 'claim':
        this.#to(this.#wanting('offered'), at, (task) => this.#say(task, 'claim'));
        break;
      case 'complete':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'complete', { result: this.#resultOf(task) }));
        break;
      case 'misplan':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'complete', { result: { at } }));
        break;
      case 'fail':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'fail', { error: { code: 'x', message: 'y' } }));
        break;
      case 'failForGood':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'fail', { error: { retryable: false } }));
        break;
      case 'lose':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'lost', { reason: 'worker_silent' }));
        break;
      case 'declineHeld':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'decline'));
        break;
      case 'declineOffered':
        this.#to(this.#wanting('offered'), at, (task) => this.#say(task, 'decline'));
        break;
      case 'refuse':
        domain.serving = at % 2 === 0 ? () => ['wk_other'] : () => [];
        this.#to(this.#wanting('offered'), at, (task) => this.#say(task, 'refuse', { code: 'type_unknown' }));
        break;
      case 'progress':
        this.#to(this.#wanting('held'), at, (task) => this.#say(task, 'progress', { fraction: 0.5 }));
        break;
      case 'signal':
        this.#to(this.#tasks(), at, ({ address }) => domain.tell('task', address.id, 'signal', { name: 'n' }));
        break;
      case 'repeat':
        if (this.#said.length > 0) domain.ask(this.#said[at % this.#said.length] as Envelope);
        break;
      case 'speakOfOld':
        this.#to(this.#tasks(), at, (task) => this.#sayOf(task, (task.state as TaskState).attempt - 1, 'complete', {}));
        break;
      case 'wait':
        domain.wait(at % 100_000);
        domain.ring();
        break;
      case 'waitForDays':
        domain.wait((at % 8) * 24 * 3_600_000);
        domain.ring();
        break;
      case 'pause':
      case 'resume':
      case 'approve':
      case 'reject':
        domain.tell('goal', goalId, what);
        break;
      case 'cancelGoal':
        domain.tell('goal', goalId, 'cancel');
        break;
      case 'cancelTask':
        this.#to(this.#tasks(), at, ({ address }) => domain.tell('task', address.id, 'cancel'));
        break;
      case 'redrive': {
        const { deadLetters } = this;
        const id = deadLetters[at % deadLetters.length];
        if (id !== undefined) this.redrive(id);
        break;
      }
    }
    domain.settle();
    const [first] = domain.events.slice(before);
    if (wasEnded && first && first.type !== 'TaskRedriven')
      throw new Error(`expected nothing after the end, found ${first.type} by ${what}`);
    this.#look();
  }

  get deadLetters(): readonly string[] {
    return [...this.model.tasks].flatMap(([key, { status }]) =>
      status === 'dead_letter' && key !== '_plan' ? `${this.goalId}.${key}` : [],
    );
  }

  redrive(taskId: string): void {
    this.domain.tell('task', taskId, 'redrive');
    this.#look();
  }

  /** Lets everything go well from here on, until nothing moves any more. */
  finish(): void {
    for (let rounds = 0; !this.model.isEnded; rounds++) {
      if (rounds > 10_000) throw new Error(`expected an end, found a goal that is ${this.model.status} for ever`);
      const what = (['resume', 'approve', 'offer', 'claim', 'complete', 'wait'] as const)[rounds % 6] as Name;
      this.play({ what, at: what === 'wait' ? 60_000 : rounds });
    }
  }

  get ended(): string | undefined {
    return this.domain.events.findLast(({ actor }) => actor.id === this.goalId)?.type;
  }

  #look(): void {
    const { events } = this.domain;
    for (const event of events.slice(this.#seen)) this.model.fold(event);
    this.#seen = events.length;
    if (!this.model.isEnded) return;
    for (const [key, { isOpen }] of this.model.tasks)
      if (isOpen) throw new Error(`expected ${key} to have ended with its goal`);
  }

  #tasks(): Live[] {
    return [...this.domain.actors()].filter(({ address }) => address.type === 'task');
  }

  #wanting(phase: 'ready' | 'offered' | 'held'): Live[] {
    return this.#tasks().filter(({ behavior, state, head }) => behavior.work?.(state, head?.state)?.phase === phase);
  }

  #to(among: readonly Live[], at: number, act: (task: Live) => void): void {
    const task = among[at % among.length];
    if (task) act(task);
  }

  #say(task: Live, verb: string, more: { readonly [key: string]: Json } = {}): void {
    this.#sayOf(task, (task.state as TaskState).attempt, verb, more);
  }

  #sayOf({ address }: Live, attempt: number, verb: string, more: { readonly [key: string]: Json }): void {
    const said = this.domain.command('task', address.id, verb, { attempt, ...holder, ...more });
    this.#said.push(said);
    this.domain.ask(said);
  }

  #resultOf({ address }: Live): Json {
    return address.id.endsWith('._plan') ? this.plan : { of: addressKey(address) };
  }
}
