import { accept, type Behavior, type Family, type Supervision } from '../../kernel/behavior.ts';
import type { Envelope, Json } from '../../kernel/envelope.ts';
import { deadLetterType } from '../../kernel/parking.ts';
import { supervised, supervisionType } from '../../kernel/supervision.ts';
import type { Dice } from './dice.ts';

/** What a behavior does on a command, until that is parked: it ends its process, or throws before or behind its decision. */
export type Failure = 'kills' | 'throws' | 'throws-late';

/** What the error says that is thrown on purpose. */
export const planted = 'it fails as planted';

/** Commands that behaviors fail on. */
export class Failures {
  readonly #of = new Map<string, Failure>();
  #next: { readonly failure: Failure; after: number } | undefined;

  /** Of the commands that are decided from now on, the one behind `after` others fails. */
  plan(failure: Failure, after: number): void {
    this.#next = { failure, after };
  }

  /** What becomes of the decision about this command. */
  decided(commandId: string): Failure | undefined {
    if (this.#next && !this.#of.has(commandId) && this.#next.after-- <= 0) {
      this.#of.set(commandId, this.#next.failure);
      this.#next = undefined;
    }
    return this.#of.get(commandId);
  }

  /** It is a dead letter now; redriven, it is as good as any other. */
  parked(commandId: string): void {
    this.#of.delete(commandId);
  }

  over(): void {
    this.#of.clear();
    this.#next = undefined;
  }

  /** Behaviors that fail as planned in a process that `runs`, and that `kill` ends. */
  in(behaviors: readonly Behavior[], runs: () => boolean, kill: () => void): readonly Behavior[] {
    const failing = (behavior: Behavior): Behavior => ({
      ...behavior,
      decide: (state, verb, body, context) => {
        const failure = runs() ? this.decided(context.envelope.id) : undefined;
        if (failure === 'throws') throw new Error(planted);
        if (failure !== 'kills') return behavior.decide(state, verb, body, context);
        kill();
        return accept([]);
      },
      react: (state, event, cause) => {
        // What a kernel gives as the cause is the command itself.
        if (runs() && this.#of.get((cause as Envelope).id) === 'throws-late') throw new Error(planted);
        return behavior.react?.(state, event, cause) ?? [];
      },
    });
    return each(behaviors, failing);
  }
}

/** These behaviors, changed, and the members of their families; what keeps and watches failures never fails itself. */
const each = (behaviors: readonly Behavior[], change: (behavior: Behavior) => Behavior): readonly Behavior[] =>
  behaviors.map((behavior) => {
    if (behavior.type === deadLetterType || behavior.type === supervisionType) return behavior;
    const { family } = behavior;
    const own = change(behavior);
    return family ? { ...own, family: { ...family, member: change(family.member) } as Family<unknown, never> } : own;
  });

/** The same behaviors, each with a policy for its failures that is drawn. */
export function withPolicies(behaviors: readonly Behavior[], dice: Dice, org: string): readonly Behavior[] {
  const agentOf = (goal: unknown) => ({ org, type: 'agent', id: (goal as { readonly agentId: string }).agentId });
  type Policy = (state: unknown) => Supervision;
  const policies: readonly (Policy | undefined)[] = [
    undefined,
    () => ({ policy: 'restart', restarts: 1 }),
    () => ({ policy: 'backoff' }),
    () => ({ policy: 'stop' }),
  ];
  const drawn = each(behaviors, (behavior) => {
    const toAgent: Policy = (goal) => ({
      policy: 'escalate',
      ...(goal === undefined ? null : { parent: agentOf(goal) }),
    });
    const supervision = dice.pick(behavior.type === 'goal' ? [...policies, toAgent] : policies);
    return supervision ? { ...behavior, supervision } : behavior;
  });
  return supervised(drawn.filter(({ type }) => type !== supervisionType));
}

/** The id of the command that an event of a dead letter keeps. */
export const parkedCommandId = (data: Json): string | undefined =>
  (data as { readonly envelope?: { readonly id: string } }).envelope?.id;
