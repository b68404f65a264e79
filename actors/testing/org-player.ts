import fc from 'fast-check';
import { commandAgent, patchAgent } from '../agent/requests.ts';
import type { AgentState } from '../agent/state.ts';
import { commandGoal } from '../goal/requests.ts';
import { type GoalState, isEnded } from '../goal/state.ts';
import type { NameState } from '../name/behavior.ts';
import { nameId } from '../name/behavior.ts';
import { Domain } from './domain.ts';
import { contextAt, holder, spawning, submitting } from './scenes.ts';

const names = ['Ada', 'Bob', 'Cyd'];

/** One thing that somebody asks for; `a` and `b` choose of whom and what. */
export interface Wish {
  readonly what: (typeof whats)[number];
  readonly a: number;
  readonly b: number;
  readonly key: number;
  /** Messages delivered before the next wish. */
  readonly steps: readonly number[];
}

const whats = [
  ...([
    'spawn',
    'spawn',
    'spawn',
    'bear',
    'bear',
    'supervise',
    'rename',
    'rename',
    'rename',
    'stop',
    'drain',
    'pause',
    'resume',
  ] as const),
  ...(['submit', 'submit', 'submit', 'submit', 'work', 'work', 'work', 'cancel', 'redrive'] as const),
];

export const wishes = (wishesMax: number): fc.Arbitrary<readonly Wish[]> =>
  fc.array(
    fc.record({
      what: fc.constantFrom(...whats),
      a: fc.nat({ max: 99 }),
      b: fc.nat({ max: 99 }),
      key: fc.nat({ max: 3 }),
      steps: fc.array(fc.nat({ max: 99 }), { maxLength: 6, size: 'max' }),
    }),
    { maxLength: wishesMax, size: 'max' },
  );

/**
 * Several agents that fight for three names, and goals submitted to them under few keys, with messages delivered in any order that
 * channels allow.
 */
export class OrgPlayer {
  readonly domain = new Domain();
  readonly asked: { readonly replyTo: string; readonly key: string; readonly body: string }[] = [];

  play({ what, a, b, key, steps }: Wish): void {
    const { domain } = this;
    const of = <T>(list: readonly T[]): T | undefined => list[a % list.length];
    const agent = of(this.agents())?.id;
    const goal = of(this.goals())?.id;
    const keyed = (route: string) => contextAt(domain, route, key === 0 ? {} : { idempotencyKey: `k${key}` });
    const name = names[b % names.length] as string;
    switch (what) {
      case 'spawn':
        this.#ask(spawning(domain, { name }, keyed('spawn')), `spawn k${key}`, name);
        break;
      case 'bear':
        if (agent) {
          const input = { name, parentId: agent };
          this.#ask(spawning(domain, input, keyed('bear')), `bear k${key}`, JSON.stringify(input));
        }
        break;
      case 'supervise':
        if (agent)
          domain.post(
            patchAgent(
              agent,
              { supervision: { policy: 'backoff', maxRestarts: b, withinMs: 1000 } },
              contextAt(domain, 'patch'),
            ),
          );
        break;
      case 'rename':
        if (agent) domain.post(patchAgent(agent, { name }, keyed(`patch ${agent}`)));
        break;
      case 'stop':
      case 'drain':
      case 'pause':
      case 'resume':
        if (agent) domain.post(commandAgent(agent, what, {}, contextAt(domain, what)));
        break;
      case 'submit':
        if (agent) {
          const input = {
            agentId: agent,
            plan: { tasks: [{ key: 'a', type: 'noop', maxAttempts: 1 }] },
            priority: b % 2,
          };
          this.#ask(submitting(domain, input, keyed('submit')), `submit k${key}`, JSON.stringify(input));
        }
        break;
      case 'work':
        if (goal) this.#work(`${goal}.a`, b % 3 === 0);
        break;
      case 'cancel':
        if (goal) domain.post(commandGoal(goal, 'cancel', {}, contextAt(domain, 'cancel')));
        break;
      case 'redrive':
        if (goal) domain.post(domain.command('task', `${goal}.a`, 'redrive'));
        break;
    }
    for (const step of steps) if (domain.waiting > 0) domain.step((count) => step % count);
  }

  agents(): readonly { readonly id: string; readonly state: AgentState }[] {
    return this.#all('agent');
  }

  goals(): readonly { readonly id: string; readonly state: GoalState }[] {
    return this.#all('goal');
  }

  /** Ids of those who hold a name, by the name itself. */
  holderOf(name: string): string | undefined {
    return this.domain.stateOf<NameState | undefined>('name', nameId('default', 'agent', name))?.holder;
  }

  get names(): readonly string[] {
    return names;
  }

  openGoalsOf(agentId: string): readonly string[] {
    return this.goals().flatMap(({ id, state }) => (state.agentId === agentId && !isEnded(state) ? [id] : []));
  }

  #ask(envelope: Parameters<Domain['post']>[0], key: string, body: string): void {
    this.asked.push({ replyTo: this.domain.post(envelope), key, body });
  }

  /** An attempt from its offer to its end, at once. */
  #work(taskId: string, fails: boolean): void {
    const { domain } = this;
    const to = { org: 'default', type: 'task', id: taskId };
    domain.local(to, 'offer');
    const attempt = domain.stateOf<{ attempt: number } | undefined>('task', taskId)?.attempt ?? 0;
    domain.local(to, 'claim', { attempt, ...holder });
    domain.local(to, fails ? 'fail' : 'complete', { attempt, ...holder });
  }

  #all<S>(type: string): readonly { readonly id: string; readonly state: S }[] {
    return [...this.domain.actors()]
      .filter(({ address }) => address.type === type)
      .map(({ address, state }) => ({ id: address.id, state: state as S }));
  }
}
