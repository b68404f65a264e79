import { AstraError } from '../kernel/errors.ts';
import type { ApiKeys, Caller } from './api-keys.ts';
import { notFound } from './problems.ts';
import { readQuery } from './query.ts';
import type { RequestHead } from './request-head.ts';
import type { Call, Route } from './route.ts';
import type { Services } from './services.ts';

const anybody: Caller = { org: '', principal: 'anybody' };

/**
 * Who asks for what, by the head alone: the key first, so that nobody without one learns what exists (I10), then the path,
 * then the query. Throws `unauthenticated`, `forbidden`, `not_ready`, `not_found`, `invalid_input`.
 */
export function admit(route: Route, head: RequestHead, keys: ApiKeys, services: Services): Call<unknown> {
  const caller = route.scope === 'open' ? anybody : keys.admit(head.header('authorization'), route.scope);
  route.params.forEach(({ name, matches }, index) => {
    const text = head.params[index] ?? '';
    if (!matches(text)) throw notFound(`${name} of this form: ${text.slice(0, 100)}`);
  });
  const query = readQuery(route.query, head.query);
  // Before the log was read once, what is missing from memory may well exist: no answer is better than a wrong one.
  if (route.scope !== 'open' && !services.readiness.hasRead)
    throw new AstraError(
      'unavailable',
      'not_ready',
      'the gateway is still reading the log: /readyz tells how far it is',
    );
  return { caller, org: caller.org, params: head.params, query };
}
