import { type DecideContext, type Decision, type Fact, refuse } from '../kernel/behavior.ts';
import type { Json } from '../kernel/envelope.ts';

/** The body of a command, as behaviors read it: fields, none of which need be there. */
export type Fields = { readonly [key: string]: Json | undefined };

export const isFields = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What an actor that exists does on a command. */
export type Verb<S, E extends Fact> = (state: S, body: Fields, context: DecideContext) => Decision<E>;

/** Decides by the verb; whom it asks does not exist, or does not know the verb: refused. */
export function decideBy<S, E extends Fact>(
  what: string,
  verbs: Readonly<Record<string, Verb<S, E>>>,
  state: S | undefined,
  verb: string,
  body: Json,
  context: DecideContext,
): Decision<E> {
  if (state === undefined) return refuse('rejected', 'not_found', `there is no ${what} ${context.self.id}`);
  const decide = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  return decide
    ? decide(state, isFields(body) ? body : {}, context)
    : refuse('rejected', 'invalid_input', `a ${what} does not know the command ${verb}`);
}

/** The reason a client gave, if any. */
export const reasonOf = ({ reason }: Fields): { readonly reason?: string } =>
  typeof reason === 'string' ? { reason } : {};
