import type { Address } from '../../kernel/address.ts';
import {
  accept,
  type Behavior,
  type Cause,
  delegate,
  type Effect,
  refuse,
  type Stamped,
  send,
} from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { derivedId } from '../../kernel/ids.ts';
import type { NameEvent } from './events.ts';

/**
 * A name (domain.md, "Agent"): free → reserved → taken → free. It is reserved before its holder is spawned or renamed, and
 * sends that on itself; the channel always brings an answer, so a reservation needs no time-out.
 */
export interface NameState {
  readonly holder: string | undefined;
  readonly name: string;
  readonly subject: string | undefined;
}

/** The actor of a name: NFC, without case. */
export const nameId = (org: string, kind: string, name: string): string =>
  derivedId('nm', org, kind, name.normalize('NFC').toLowerCase());

type Fields = { readonly [key: string]: Json | undefined };

export const name: Behavior<NameState, NameEvent> = {
  type: 'name',
  ids: { prefix: 'nm' },
  version: 1,
  events: { NameReserved: 1, NameTaken: 1, NameReleased: 1 },
  decide(state, verb, body, { self }) {
    const { holder, kind, name: text, subject, reason, next } = (body ?? {}) as Fields;
    if (verb === 'reserve') {
      if (state?.holder !== undefined && state.holder !== holder)
        return refuse('conflict', 'agent_name_taken', `expected a free name, found ${String(text)} taken`);
      // Held by the same one: its creation is on the way, or done; it answers itself.
      if (state?.holder === holder)
        return {
          kind: 'redirected',
          to: holderAt(self, kind, holder),
          verb: next as string,
          body: ((body as Fields)['body'] ?? null) as Json,
        };
      return delegate<NameEvent>([
        {
          type: 'NameReserved',
          data: {
            kind: kind as string,
            name: text as string,
            holder: holder as string,
            ...(typeof subject === 'string' ? { subject } : null),
          },
        },
      ]);
    }
    if (!state) return refuse('rejected', 'not_found', `there is no name ${self.id}`);
    if (verb === 'confirm')
      return accept<NameEvent>(
        state.holder === holder ? [{ type: 'NameTaken', data: { holder: holder as string } }] : [],
      );
    if (verb === 'release')
      return accept<NameEvent>(
        state.holder === holder
          ? [{ type: 'NameReleased', data: { holder: holder as string, reason: String(reason ?? 'released') } }]
          : [],
      );
    return refuse('rejected', 'invalid_input', `a name does not know the command ${verb}`);
  },
  evolve(state, event) {
    switch (event.type) {
      case 'NameReserved':
        return { holder: event.data.holder, name: event.data.name, subject: event.data.subject };
      case 'NameTaken':
        return state as NameState;
      case 'NameReleased':
        return { ...(state as NameState), holder: undefined };
    }
  },
  react(_state, event: Stamped<NameEvent>, { body }: Cause): readonly Effect[] {
    if (event.type !== 'NameReserved') return [];
    const { next, body: inner } = body as Fields;
    return [
      send(holderAt(event.actor, event.data.kind, event.data.holder), next as string, inner ?? null, {
        delegate: true,
      }),
    ];
  },
  idle: () => true,
  subject: ({ subject }) => subject,
};

const holderAt = (self: Address, kind: Json | undefined, holder: Json | undefined): Address => ({
  org: self.org,
  type: kind as string,
  id: holder as string,
});
