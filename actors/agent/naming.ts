import { accept, type DecideContext, type Decision, redirect, refuse, repeat } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Problem } from '../../kernel/errors.ts';
import { type Fields, isFields, type Verb } from '../command.ts';
import { agentAt } from '../goal/addresses.ts';
import type { Reservation } from '../name/behavior.ts';
import type { AgentEvent, AgentProfile, Upbringing } from './events.ts';
import { type AgentState, isSameName, nameAt } from './state.ts';

/**
 * An agent gets its name before it exists or changes: `create` and `patch` go to the name first, which reserves itself, sends
 * `spawn` or `rename`, and asks behind it whether the agent holds it now.
 */

const spawnVersion = 1;

/** What the name is asked, to spawn an agent with it. */
export const spawnReservation = (holder: string, profile: AgentProfile, upbringing?: Upbringing): Json => ({
  ...({ kind: 'agent', name: profile.name, holder, version: spawnVersion, next: 'spawn' } satisfies Omit<
    Reservation,
    'body'
  >),
  body: {
    profile: profile as unknown as Json,
    ...(upbringing === undefined ? null : { upbringing: upbringing as unknown as Json }),
  },
});

const reused: Problem = {
  kind: 'rejected',
  code: 'idempotency_key_reused',
  detail: 'this idempotency key was used for another agent: use a new key, or repeat the same request',
};

export function spawn(
  state: AgentState | undefined,
  verb: 'create' | 'spawn',
  body: Json,
  { self, envelope }: DecideContext,
): Decision<AgentEvent> {
  const { profile: given, upbringing } = isFields(body) ? body : ({} as Fields);
  if (!isFields(given)) return refuse('rejected', 'invalid_input', 'expected { profile }');
  const profile = given as unknown as AgentProfile;
  const { fingerprint } = envelope;
  const answer = { id: self.id, status: 'active' };
  if (state) {
    const isSame = fingerprint !== undefined && state.fingerprint === fingerprint;
    return isSame ? repeat(answer) : { kind: 'refused', problem: reused };
  }
  // Who creates asks the created first: it does not exist, so its parent has to agree, and its name has to be reserved.
  if (verb === 'create' && profile.parentId !== null)
    return redirect(agentAt(self, profile.parentId), 'bear', { childId: self.id, profile: given });
  if (verb === 'create') return redirect(nameAt(self, profile.name), 'reserve', spawnReservation(self.id, profile));
  const data = {
    ...profile,
    ...(fingerprint === undefined ? null : { fingerprint }),
    ...(upbringing === undefined ? null : { upbringing: upbringing as unknown as Upbringing }),
  };
  return accept<AgentEvent>([{ type: 'AgentSpawned', data }], answer);
}

/** A name was reserved for this agent, and what it was reserved for is behind: one that it does not hold goes back. */
export function reserved(state: AgentState | undefined, body: Json, { self }: DecideContext): Decision<AgentEvent> {
  const { name, version } = body as { readonly name: string; readonly version: number };
  if (!state) return redirect(nameAt(self, name), 'release', { holder: self.id, version, reason: 'declined' });
  const isHeld = state.status !== 'stopped' && isSameName(self, state.profile.name, name);
  return accept<AgentEvent>(isHeld ? [] : [{ type: 'AgentNameDeclined', data: { name, version } }]);
}

export const namingVerbs = {
  patch(state, body, { self }) {
    if (state.status === 'stopped') return isStopped;
    const change = body as Partial<AgentProfile>;
    const { name, ...rest } = change;
    // The same name in other letters is the same reservation.
    if (name === undefined || isSameName(self, name, state.profile.name))
      return changed(name === state.profile.name ? rest : change);
    // Another name is reserved first, which then renames: two agents of one name cannot exist.
    const version = state.profileVersion + 1;
    const reservation: Reservation = {
      kind: 'agent',
      name,
      holder: self.id,
      version,
      next: 'rename',
      body: { change: body as Json, version },
    };
    return redirect(nameAt(self, name), 'reserve', reservation as unknown as Json);
  },

  rename(state, body, { self }) {
    const { change, version } = body as Fields & { readonly change: Partial<AgentProfile>; readonly version: number };
    const name = change.name as string;
    if (state.status === 'stopped') return isStopped;
    if (isSameName(self, name, state.profile.name)) return changed(change);
    // It was named otherwise since this was asked for: what was reserved then may be released already.
    if (version <= state.namedAt) return overtaken(state);
    return changed(change);
  },
} satisfies Record<string, Verb<AgentState, AgentEvent>>;

const changed = (change: Partial<AgentProfile>): Decision<AgentEvent> =>
  accept<AgentEvent>(Object.keys(change).length === 0 ? [] : [{ type: 'AgentProfileChanged', data: change }]);

const isStopped = refuse(
  'conflict',
  'invalid_transition',
  'expected one that is not stopped, found an agent that is stopped',
);

const overtaken = ({ profile }: AgentState): Decision<never> =>
  refuse(
    'conflict',
    'invalid_transition',
    `expected the name it had when this was asked for, found it renamed to ${profile.name} meanwhile: ask again`,
  );
