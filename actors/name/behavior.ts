import type { Address } from '../../kernel/address.ts';
import {
  accept,
  type Behavior,
  type Cause,
  type Decision,
  delegate,
  type Effect,
  redirect,
  refuse,
  refuseKept,
  type Stamped,
  send,
} from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { derivedId } from '../../kernel/ids.ts';
import { decideBy, type Fields, isFields, type Verb } from '../command.ts';
import type { NameEvent } from './events.ts';

/**
 * A name (docs/domain.md, "Ids and names"): free → reserved → taken → free. It is reserved before its holder is spawned or
 * renamed, sends that on itself, and asks behind it whether it is held; the channel always brings an answer, so a reservation
 * needs no time-out.
 */
export interface NameState {
  readonly holder: string | undefined;
  /**
   * The version of its holder's profile that it was last reserved for. A holder that leaves and comes back asks again before its
   * release has arrived: that release is of an earlier version, and releases nothing.
   */
  readonly version: number;
}

/** What a reservation asks for; `next` and `body` are the command that the holder gets. */
export interface Reservation {
  readonly kind: string;
  readonly name: string;
  readonly holder: string;
  readonly version: number;
  readonly next: string;
  readonly body: Json;
}

/** The actor of a name: NFC, without case. */
export const nameId = (org: string, kind: string, name: string): string =>
  derivedId('nm', org, kind, name.normalize('NFC').toLowerCase());

export const verbs = {
  confirm: (state, { holder }) =>
    accept<NameEvent>(state.holder === holder ? [{ type: 'NameTaken', data: { holder: holder as string } }] : []),
  release: (state, { holder, version, reason }) =>
    accept<NameEvent>(
      state.holder === holder && state.version <= (version as number)
        ? [{ type: 'NameReleased', data: { holder: holder as string, reason: String(reason ?? 'released') } }]
        : [],
    ),
} satisfies Record<string, Verb<NameState, NameEvent>>;

export const name: Behavior<NameState, NameEvent> = {
  type: 'name',
  ids: { prefix: 'nm' },
  version: 1,
  events: { NameReserved: 1, NameTaken: 1, NameReleased: 1 },
  decide: (state, verb, body, context) =>
    verb === 'reserve' ? reserve(state, body, context.self) : decideBy('name', verbs, state, verb, body, context),
  evolve(state, event) {
    switch (event.type) {
      case 'NameReserved':
        return { holder: event.data.holder, version: event.data.version };
      case 'NameTaken':
        return state as NameState;
      case 'NameReleased':
        return { ...(state as NameState), holder: undefined };
    }
  },
  react(_state, event: Stamped<NameEvent>, { body }: Cause): readonly Effect[] {
    if (event.type !== 'NameReserved') return [];
    const { next, body: inner } = body as unknown as Reservation;
    const { name: text, version } = event.data;
    const holder = holderAt(event.actor, event.data);
    // Whatever became of the first, the second finds out whether the name is held: if it is not, it comes back.
    return [send(holder, next, inner, { delegate: true }), send(holder, 'reserved', { name: text, version })];
  },
  idle: () => true,
};

function reserve(state: NameState | undefined, body: Json, self: Address): Decision<NameEvent> {
  const { kind, name: text, holder, version, next, body: inner } = (isFields(body) ? body : {}) as Fields;
  if (typeof kind !== 'string' || typeof text !== 'string' || typeof holder !== 'string' || typeof version !== 'number')
    return refuse('rejected', 'invalid_input', 'expected { kind, name, holder, version, next, body }');
  if (state?.holder !== undefined && state.holder !== holder)
    return refuseKept('conflict', 'agent_name_taken', `expected a free name, found ${text} taken`);
  // Held by the same one, for this or for what came later: that is on the way, or done; it answers itself.
  if (state?.holder === holder && version <= state.version)
    return redirect(holderAt(self, { kind, holder }), next as string, inner ?? null);
  return delegate<NameEvent>([{ type: 'NameReserved', data: { kind, name: text, holder, version } }]);
}

const holderAt = ({ org }: Address, { kind, holder }: { kind: string; holder: string }): Address => ({
  org,
  type: kind,
  id: holder,
});
