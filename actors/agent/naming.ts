import type { Address } from '../../kernel/address.ts';
import {
  accept,
  type DecideContext,
  type Decision,
  redirect,
  refuse,
  refuseWith,
  repeat,
} from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Problem } from '../../kernel/errors.ts';
import { type Fields, isFields, type Verb } from '../command.ts';
import type { Reservation } from '../name/behavior.ts';
import type { AgentEvent, AgentProfile } from './events.ts';
import { type AgentState, isSameName, nameAt } from './state.ts';

/**
 * An agent gets its name before it exists or changes: `create` and `patch` go to the name first, which reserves itself and sends
 * `spawn` or `rename`. What was reserved and cannot be taken any more is given back in the same decision.
 */

const spawnVersion = 1;

/** What the name is asked, to spawn an agent with it. */
export const spawnReservation = (holder: string, profile: AgentProfile): Json => ({
  ...({ kind: 'agent', name: profile.name, holder, version: spawnVersion, next: 'spawn' } satisfies Omit<
    Reservation,
    'body'
  >),
  body: { profile: profile as unknown as Json },
});

const reused: Problem = {
  kind: 'rejected',
  code: 'idempotency_key_reused',
  detail: 'this idempotency key was used for another agent: use a new key, or repeat the same request',
};

const declined = (name: string, version: number): AgentEvent => ({
  type: 'AgentNameDeclined',
  data: { name, version },
});

export function spawn(
  state: AgentState | undefined,
  verb: 'create' | 'spawn',
  body: Json,
  { self, envelope }: DecideContext,
): Decision<AgentEvent> {
  const given = isFields(body) ? body['profile'] : undefined;
  if (!isFields(given)) return refuse('rejected', 'invalid_input', 'expected { profile }');
  const profile = given as unknown as AgentProfile;
  const { fingerprint } = envelope;
  const answer = { id: self.id, status: 'active' };
  if (state) {
    const isSame = fingerprint !== undefined && state.fingerprint === fingerprint;
    // Only its name sends `spawn`: if that is not its own (any more), it was reserved in vain.
    if (verb === 'spawn' && !holds(state, self, profile.name)) {
      const event = declined(profile.name, spawnVersion);
      return isSame ? accept([event], answer) : refuseWith([event], reused);
    }
    return isSame ? repeat(answer) : { kind: 'refused', problem: reused };
  }
  // Who creates asks the created first: it does not exist, so its name has to be reserved.
  if (verb === 'create') return redirect(nameAt(self, profile.name), 'reserve', spawnReservation(self.id, profile));
  const data = { ...profile, ...(fingerprint === undefined ? null : { fingerprint }) };
  return accept<AgentEvent>([{ type: 'AgentSpawned', data }], answer);
}

const holds = (state: AgentState, self: Address, name: string): boolean =>
  state.status !== 'stopped' && isSameName(self, state.profile.name, name);

export const namingVerbs = {
  patch(state, body, { self }) {
    if (state.status === 'stopped') return stopped;
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
    if (state.status === 'stopped') return refuseWith([declined(name, version)], stopped.problem);
    if (isSameName(self, name, state.profile.name)) return changed(change);
    // It was named otherwise since this was asked for: what was reserved then may be released already.
    if (version <= state.namedAt) return refuseWith([declined(name, version)], overtaken(state));
    return changed(change);
  },
} satisfies Record<string, Verb<AgentState, AgentEvent>>;

const changed = (change: Partial<AgentProfile>): Decision<AgentEvent> =>
  accept<AgentEvent>(Object.keys(change).length === 0 ? [] : [{ type: 'AgentProfileChanged', data: change }]);

const stopped = {
  kind: 'refused',
  problem: {
    kind: 'conflict',
    code: 'invalid_transition',
    detail: 'expected one that is not stopped, found an agent that is stopped',
  },
} as const satisfies Decision<never>;

const overtaken = ({ profile }: AgentState): Problem => ({
  kind: 'conflict',
  code: 'invalid_transition',
  detail: `expected the name it had when this was asked for, found it renamed to ${profile.name} meanwhile: ask again`,
});
