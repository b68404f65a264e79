import { accept, type Behavior, type Effect, refuse, type Stamped, send } from '../../kernel/behavior.ts';
import type { Envelope, Json } from '../../kernel/envelope.ts';
import { AstraError, type Problem } from '../../kernel/errors.ts';
import { publicationToCommand } from '../publications.ts';
import type { DeadLetterEvent, DeadLetterOrigin } from './events.ts';

/** A parked command or publication (domain.md, "Dead letters"), on the shard that parked it: parked → redriven | discarded. */
export interface DeadLetterState {
  readonly parked: Extract<DeadLetterEvent, { type: 'DeadLetterParked' }>['data'];
  readonly status: 'parked' | 'redriven' | 'discarded';
}

type Fields = { readonly [key: string]: Json | undefined };

export const deadLetter: Behavior<DeadLetterState, DeadLetterEvent> = {
  type: 'dead-letter',
  ids: { prefix: 'dl', pinned: true },
  version: 1,
  events: { DeadLetterParked: 1, DeadLetterRedriven: 1, DeadLetterDiscarded: 1 },
  decide(state, verb, body, { self, envelope, now, id }) {
    if (verb === 'park')
      return state
        ? accept<DeadLetterEvent>([])
        : accept<DeadLetterEvent>([{ type: 'DeadLetterParked', data: parkedOf((body ?? {}) as Fields) }]);
    if (!state) return refuse('rejected', 'not_found', `there is no dead letter ${self.id}`);
    if (state.status !== 'parked')
      return refuse(
        'conflict',
        'invalid_transition',
        `expected a parked dead letter, found one that was ${state.status}`,
      );
    if (verb === 'discard') {
      const { reason } = (body ?? {}) as Fields;
      return accept<DeadLetterEvent>([
        {
          type: 'DeadLetterDiscarded',
          data: { by: envelope.principal, ...(typeof reason === 'string' ? { reason } : null) },
        },
      ]);
    }
    if (verb !== 'redrive')
      return refuse('rejected', 'invalid_input', `a dead letter does not know the command ${verb}`);
    const { envelope: command, publication } = state.parked;
    if (command)
      return accept<DeadLetterEvent>([
        {
          type: 'DeadLetterRedriven',
          data: { by: envelope.principal, command: { to: command.to, verb: command.verb, body: command.body } },
        },
      ]);
    if (!publication || publication.verb === '')
      return refuse('rejected', 'not_redrivable', 'nothing readable was left of it: discard it');
    try {
      const again = publicationToCommand(
        {
          org: self.org,
          verb: publication.verb,
          contentType: publication.contentType,
          payload: Buffer.from(publication.payload, publication.encoding),
          idempotencyKey: publication.idempotencyKey ?? `redrive:${self.id}`,
        },
        { now, newId: id },
      );
      return accept<DeadLetterEvent>([
        {
          type: 'DeadLetterRedriven',
          data: { by: envelope.principal, command: { to: again.to, verb: again.verb, body: again.body } },
        },
      ]);
    } catch (error) {
      if (!(error instanceof AstraError)) throw error;
      return refuse(
        error.kind,
        error.code,
        `it is as faulty as before: ${error.message}`,
        error.errors ? { errors: error.errors } : {},
      );
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'DeadLetterParked':
        return { parked: event.data, status: 'parked' };
      case 'DeadLetterRedriven':
        return { ...(state as DeadLetterState), status: 'redriven' };
      case 'DeadLetterDiscarded':
        return { ...(state as DeadLetterState), status: 'discarded' };
    }
  },
  react(_state, event: Stamped<DeadLetterEvent>): readonly Effect[] {
    if (event.type !== 'DeadLetterRedriven' || !event.data.command) return [];
    const { to, verb, body } = event.data.command;
    return [send(to, verb, body)];
  },
  idle: () => true,
  subject: ({ parked }) => parked.envelope?.subject,
  personal: { DeadLetterParked: ['envelope', 'publication', 'error'], DeadLetterRedriven: ['command'] },
};

/** What is parked: a whole command, a publication, or bytes that were neither. */
function parkedOf(body: Fields): Extract<DeadLetterEvent, { type: 'DeadLetterParked' }>['data'] {
  const { origin, error, count, envelope, publication, payload } = body;
  return {
    origin: (origin ?? { source: 'lane' }) as unknown as DeadLetterOrigin,
    error: error as unknown as Problem,
    count: typeof count === 'number' ? count : 1,
    ...(envelope === undefined ? null : { envelope: envelope as unknown as Envelope }),
    ...(publication === undefined ? null : { publication: publication as never }),
    ...(typeof payload === 'string'
      ? { publication: { verb: '', contentType: 'application/octet-stream', payload, encoding: 'base64' as const } }
      : null),
  };
}
