import type { Address } from '../../kernel/address.ts';
import type { Supervision } from '../../kernel/behavior.ts';
import { accept, type Decision, type Effect, redirect, refuse, refuseKept, send } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { agentDepthMax, childrenMax } from '../bounds.ts';
import { isFields, type Verb } from '../command.ts';
import { agentAt } from '../goal/addresses.ts';
import {
  type AgentEvent,
  type AgentProfile,
  type ChildSupervision,
  supervisionDefault,
  type Upbringing,
} from './events.ts';
import { spawnReservation } from './naming.ts';
import { type AgentState, nameAt } from './state.ts';

/**
 * Parents and children. A child is asked for at its parent, which lets it through to its name; once it exists it says so, and
 * its parent, which may have stopped meanwhile, does with it as with all others: a child drains and stops with its parent, and
 * goes on while that one is paused or suspended. What becomes of a child that fails is its parent's policy, of which it has a copy:
 * its supervision, on its shard, decides by that and counts (docs/adr/0019-agents-and-their-children.md).
 */

/** A child to be spawned by an agent that is none. */
export const noParent = (id: string): Decision<never> =>
  refuseKept('rejected', 'parent_unknown', `expected a parent that exists, found no agent ${id}`);

export const familyVerbs = {
  /** Somebody wants it to have this child: who asks again, or a task of its own, which does not. */
  bear(state, { childId, profile }, { self, envelope }) {
    if (typeof childId !== 'string' || !isFields(profile))
      return refuse('rejected', 'invalid_input', 'expected { childId, profile }');
    const { status, children } = state;
    if (status !== 'active' && status !== 'paused')
      return refuseKept(
        'conflict',
        'agent_not_accepting',
        `expected an active or paused parent, found one that is ${status}`,
      );
    if (children.size >= childrenMax)
      return refuseKept(
        'overloaded',
        'children_cap',
        `expected fewer than ${childrenMax} children that have not stopped, found ${children.size}`,
        { retryAfterMs: 1000 },
      );
    const { depth } = upbringingOf(state);
    if (depth > agentDepthMax)
      return refuseKept('rejected', 'family_too_deep', `expected at most ${agentDepthMax} ancestors, found ${depth}`);
    const child = profile as unknown as AgentProfile;
    // A redirect is not recorded: it would be lost with its kernel, and no task comes again.
    if (envelope.principal.startsWith('actor:'))
      return accept<AgentEvent>([{ type: 'AgentChildWanted', data: { childId, name: child.name } }]);
    return redirect(nameAt(self, child.name), 'reserve', spawnReservation(childId, child, upbringingOf(state)));
  },

  /** A child exists. */
  born: (state, { childId }) =>
    state.children.has(childId as string)
      ? accept<AgentEvent>([])
      : accept<AgentEvent>([{ type: 'AgentChildSpawned', data: { childId: childId as string } }]),

  /** A child has stopped; what it said of its birth may have been parked, and come after this. */
  gone: (state, { childId }) =>
    state.goneBefore.has(childId as string)
      ? accept<AgentEvent>([])
      : accept<AgentEvent>([{ type: 'AgentChildStopped', data: { childId: childId as string } }]),

  /** Its parent's policy is another one. */
  supervise(state, { supervision, asOf }) {
    const told = { supervision: supervision as unknown as ChildSupervision, asOf: asOf as number };
    return state.upbringing && state.upbringing.asOf < told.asOf
      ? accept<AgentEvent>([{ type: 'AgentSupervised', data: told }])
      : accept<AgentEvent>([]);
  },
} satisfies Record<string, Verb<AgentState, AgentEvent>>;

/** What its parent says becomes of an agent that fails; of one without a parent, what becomes of all actors. */
export function supervisionOf(state: AgentState | undefined, self: Address): Supervision {
  const { policy, maxRestarts, withinMs } = state?.upbringing?.supervision ?? supervisionDefault;
  const parentId = state?.profile.parentId;
  return {
    policy,
    restarts: maxRestarts,
    windowMs: withinMs,
    ...(state?.upbringing && parentId ? { parent: agentAt(self, parentId) } : null),
  };
}

/** What an agent's children have from it. */
const upbringingOf = ({ profile, profileVersion, upbringing }: AgentState): Upbringing => ({
  depth: (upbringing?.depth ?? 0) + 1,
  supervision: profile.supervision,
  asOf: profileVersion,
});

/** The name of a child that a task wants is reserved, which spawns it. */
export function toWanted(self: Address, state: AgentState, cause: Json): Effect {
  const { childId, profile } = cause as unknown as { readonly childId: string; readonly profile: AgentProfile };
  return send(nameAt(self, profile.name), 'reserve', spawnReservation(childId, profile, upbringingOf(state)));
}

/** What a child tells its parent. */
export function toParent(self: Address, { profile, upbringing }: AgentState, verb: 'born' | 'gone'): readonly Effect[] {
  if (!upbringing || profile.parentId === null) return [];
  const body = { childId: self.id, supervision: upbringing.supervision as unknown as Json };
  return [send(agentAt(self, profile.parentId), verb, body)];
}

/** What all children are told. */
export const toChildren = (self: Address, { children }: AgentState, verb: string, body: Json): readonly Effect[] =>
  [...children].map((id) => send(agentAt(self, id), verb, body));

/** What a child is told of its parent's policy. */
export const policyOf = ({ profile, profileVersion }: AgentState): Json => ({
  supervision: profile.supervision as unknown as Json,
  asOf: profileVersion,
});

/** What a child is told that exists from now on: it may have missed what its parent has told the others. */
export function toNewborn(self: Address, state: AgentState, cause: Json): readonly Effect[] {
  const { childId, supervision } = cause as { readonly childId: string; readonly supervision?: Json };
  const child = agentAt(self, childId);
  if (state.status === 'stopped') return [send(child, 'stop', { reason: 'parent_stopped' })];
  const isNews = !isSame(state.profile.supervision, supervision as unknown as ChildSupervision | undefined);
  return [
    ...(isNews ? [send(child, 'supervise', policyOf(state))] : []),
    ...(state.status === 'draining' ? [send(child, 'drain', { reason: 'parent_draining' })] : []),
  ];
}

const isSame = (one: ChildSupervision, other: ChildSupervision | undefined): boolean =>
  one.policy === other?.policy && one.maxRestarts === other.maxRestarts && one.withinMs === other.withinMs;
