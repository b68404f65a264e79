import {
  accept,
  type Behavior,
  type Decision,
  type Effect,
  refuse,
  type Stamped,
  send,
} from '../../kernel/behavior.ts';
import type { Envelope } from '../../kernel/envelope.ts';
import { AstraError, type Problem } from '../../kernel/errors.ts';
import { decideBy, type Fields, isFields, reasonOf, type Verb } from '../command.ts';
import { publicationToCommand } from '../publications.ts';
import type { DeadLetterEvent, DeadLetterOrigin, RedrivenCommand } from './events.ts';

/** A parked command or publication (docs/domain.md, "Dead letters"), on the shard that parked it: → redriven | discarded. */
export interface DeadLetterState {
  readonly parked: Extract<DeadLetterEvent, { type: 'DeadLetterParked' }>['data'];
  readonly status: 'parked' | 'redriven' | 'discarded';
}

export const verbs = {
  redrive(state, _body, { self, envelope, now, id }) {
    if (state.status !== 'parked') return over(state);
    const { publication } = state.parked;
    let command = state.parked.envelope;
    if (!command && publication && publication.verb !== '')
      try {
        command = publicationToCommand(
          {
            org: self.org,
            verb: publication.verb,
            contentType: publication.contentType,
            payload: Buffer.from(publication.payload, publication.encoding),
            idempotencyKey: publication.idempotencyKey ?? `redrive:${self.id}`,
          },
          { now, newId: id },
        );
      } catch (error) {
        if (!(error instanceof AstraError)) throw error;
        const { kind, code, message, errors } = error;
        return refuse(kind, code, `it is as faulty as before: ${message}`, errors ? { errors } : {});
      }
    if (!command) return refuse('rejected', 'not_redrivable', 'nothing readable was left of it: discard it');
    return accept<DeadLetterEvent>([
      { type: 'DeadLetterRedriven', data: { by: envelope.principal, command: sentAgain(command) } },
    ]);
  },

  discard: (state, body, { envelope }) =>
    state.status === 'parked'
      ? accept<DeadLetterEvent>([{ type: 'DeadLetterDiscarded', data: { by: envelope.principal, ...reasonOf(body) } }])
      : over(state),
} satisfies Record<string, Verb<DeadLetterState, DeadLetterEvent>>;

const over = ({ status }: DeadLetterState): Decision<never> =>
  refuse('conflict', 'invalid_transition', `expected a parked dead letter, found one that was ${status}`);

/** I3: the command goes on as the one it was. */
const sentAgain = ({ to, verb, body, id, keyed, fingerprint, subject }: Envelope): RedrivenCommand => ({
  to,
  verb,
  body,
  id,
  ...(keyed === undefined ? null : { keyed }),
  ...(fingerprint === undefined ? null : { fingerprint }),
  ...(subject === undefined ? null : { subject }),
});

export const deadLetter: Behavior<DeadLetterState, DeadLetterEvent> = {
  type: 'dead-letter',
  ids: { prefix: 'dl', pinned: true },
  version: 1,
  events: { DeadLetterParked: 1, DeadLetterRedriven: 1, DeadLetterDiscarded: 1 },
  decide(state, verb, body, context) {
    if (verb !== 'park') return decideBy('dead letter', verbs, state, verb, body, context);
    if (state) return accept<DeadLetterEvent>([]);
    const data = parkedOf(isFields(body) ? body : {}, context.envelope.subject);
    return accept<DeadLetterEvent>([{ type: 'DeadLetterParked', data }]);
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
    if (event.type !== 'DeadLetterRedriven') return [];
    const { to, verb, body, ...as } = event.data.command;
    return [send(to, verb, body, { as })];
  },
  idle: () => true,
  subject: ({ parked }) => parked.subject,
  personal: { DeadLetterParked: ['envelope', 'publication', 'error'], DeadLetterRedriven: ['command'] },
};

/** What is parked: a whole command, a publication, or bytes that were neither. */
function parkedOf(body: Fields, subject: string | undefined): DeadLetterState['parked'] {
  const { origin, error, count, envelope, publication, payload } = body;
  return {
    origin: (origin ?? { source: 'lane' }) as unknown as DeadLetterOrigin,
    error: error as unknown as Problem,
    count: typeof count === 'number' ? count : 1,
    ...(subject === undefined ? null : { subject }),
    ...(envelope === undefined ? null : { envelope: envelope as unknown as Envelope }),
    ...(publication === undefined ? null : { publication: publication as never }),
    ...(typeof payload === 'string'
      ? { publication: { verb: '', contentType: 'application/octet-stream', payload, encoding: 'base64' as const } }
      : null),
  };
}
