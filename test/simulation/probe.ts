import type { Address } from '../../kernel/address.ts';
import { type Behavior, type Family, refuse } from '../../kernel/behavior.ts';

/** The verb that shows a check what a kernel has in memory; no behavior knows it. */
export const probeVerb = 'probe';

/** An actor's state as a kernel decides on it. */
export interface Probe {
  readonly actor: Address;
  readonly state: unknown;
}

/** Behaviors that answer a probe by showing it the state, and are themselves in everything else. */
export const probed = (behaviors: readonly Behavior[], show: (probe: Probe) => void): readonly Behavior[] =>
  behaviors.map((behavior) => {
    const { family } = behavior;
    const own = probedOne(behavior, show);
    if (!family) return own;
    return { ...own, family: { ...family, member: probedOne(family.member, show) } as Family<unknown, never> };
  });

const probedOne = (behavior: Behavior, show: (probe: Probe) => void): Behavior => ({
  ...behavior,
  decide(state, verb, body, context) {
    if (verb !== probeVerb) return behavior.decide(state, verb, body, context);
    show({ actor: context.self, state });
    return refuse('rejected', 'invalid_input', 'it was a probe');
  },
});
