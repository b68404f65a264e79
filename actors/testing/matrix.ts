import { describe, expect, it } from 'vitest';
import type { Address } from '../../kernel/address.ts';
import type { Decision, Fact } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Domain } from './domain.ts';

/** What a decision comes to, as tables write it. */
export type Outcome =
  /** Refused, with this code. */
  | string
  /** Accepted: these events and no other, and the status behind them. */
  | {
      readonly events: readonly (readonly [type: string, data: object])[];
      readonly now?: string;
      readonly answer?: Json;
    }
  | { readonly delegated: readonly (readonly [type: string, data: object])[]; readonly now?: string }
  | { readonly noted: readonly (readonly [type: string, data: object])[]; readonly refused: string }
  | { readonly repeated: Json }
  | { readonly redirected: string };

/** Accepted, and nothing happens. */
export const nothing: Outcome = { events: [] };

/** Accepted: these events, and this status behind them. */
export const becomes = (now: string, ...events: readonly (readonly [type: string, data: object])[]): Outcome => ({
  events,
  now,
});

/** An actor in a state. */
export interface Scene {
  readonly domain: Domain;
  readonly to: Address;
}

const factsOf = (events: readonly Fact[]) => events.map(({ type, data }) => [type, data] as const);

function outcomeOf(decision: Decision<Fact>, status: () => string | undefined): Outcome {
  switch (decision.kind) {
    case 'refused':
      return decision.problem.code;
    case 'repeated':
      return { repeated: decision.data ?? null };
    case 'redirected':
      return { redirected: `${decision.to.type}.${decision.verb}` };
    case 'events': {
      const facts = factsOf(decision.events);
      if (decision.problem) return { noted: facts, refused: decision.problem.code };
      const now = status();
      const after = facts.length === 0 || now === undefined ? null : { now };
      if (decision.delegated) return { delegated: facts, ...after };
      return { events: facts, ...after, ...(decision.data === undefined ? null : { answer: decision.data }) };
    }
  }
}

/** Sends each command to an actor in each state: a state or a command without an entry fails, and so does one too many. */
export function everyStateAndCommand<S extends string, V extends string>(of: {
  readonly states: Readonly<Record<S, () => Scene>>;
  /** What the behavior knows. */
  readonly verbs: readonly V[];
  readonly bodies: Readonly<Record<V, (scene: Scene) => Json>>;
  readonly statusOf: (scene: Scene) => string | undefined;
  readonly table: Readonly<Record<V, Readonly<Record<S, Outcome | ((scene: Scene) => Outcome)>>>>;
}): void {
  const states = Object.keys(of.states) as S[];
  it('have an entry for every state and command', () => {
    expect(Object.keys(of.table).sort()).toEqual([...of.verbs].sort());
    for (const verb of of.verbs) expect(Object.keys(of.table[verb]).sort()).toEqual([...states].sort());
  });
  describe.each(states)('%s', (state) => {
    it.each([...of.verbs])('%s', (verb) => {
      const scene = of.states[state]();
      const { domain, to } = scene;
      const envelope = domain.command(to.type, to.id, verb, of.bodies[verb](scene));
      const expected = of.table[verb][state];
      const wanted = typeof expected === 'function' ? expected(scene) : expected;
      const decision = domain.decision(envelope);
      const found = outcomeOf(decision, () => {
        domain.deliver(envelope);
        return of.statusOf(scene);
      });
      expect(found).toEqual(wanted);
    });
  });
  it('exist before anything else is asked of them, and know no other command', () => {
    for (const state of states) {
      const { domain, to } = of.states[state]();
      const exists = domain.find(to).exists;
      expect(outcomeOf(domain.decision(domain.command(to.type, to.id, 'constructor')), () => undefined)).toBe(
        exists ? 'invalid_input' : 'not_found',
      );
    }
  });
}
