import type { Work } from '../../kernel/behavior.ts';
import type { Envelope, Json, Reply } from '../../kernel/envelope.ts';
import { derivedId } from '../../kernel/ids.ts';
import { agentInput } from '../agent/input.ts';
import { spawnAgent } from '../agent/requests.ts';
import { goalInput } from '../goal/input.ts';
import { submitGoal } from '../goal/requests.ts';
import { readInput } from '../input.ts';
import type { RequestContext } from '../request.ts';
import type { Domain } from './domain.ts';

/** What the domain's tests begin with. */

let ids = 0;
/** A new id, the same in every run of a test file. */
export const newId = (prefix: string): string => derivedId(prefix, 'test', String(++ids));
export const workerId = derivedId('wk', 'a worker');
export const holder = { worker: workerId, incarnation: 'i1' } as const;

export const contextAt = (domain: Domain, route: string, more: Partial<RequestContext> = {}): RequestContext => ({
  org: 'default',
  principal: 'key:test',
  route,
  now: domain.now,
  newId,
  ...more,
});

export const spawning = (domain: Domain, input: object, more: Partial<RequestContext> = {}): Envelope =>
  spawnAgent(readInput(agentInput, input), contextAt(domain, 'POST /v1/agents', more));

export const submitting = (domain: Domain, input: object, more: Partial<RequestContext> = {}): Envelope =>
  submitGoal(readInput(goalInput, input), contextAt(domain, 'POST /v1/goals', more));

export function idOf(reply: Reply): string {
  if (!reply.ok) throw new Error(JSON.stringify(reply.problem));
  return reply.id;
}

export const codeOf = (reply: Reply): string => (reply.ok ? 'ok' : reply.problem.code);

export const spawnedAgent = (domain: Domain, input: object = {}): string =>
  idOf(domain.ask(spawning(domain, { name: `agent ${++ids}`, ...input })));

export const submittedGoal = (domain: Domain, agentId: string, input: object): string =>
  idOf(domain.ask(submitting(domain, { agentId, ...input })));

/** The events of one actor, as `[type, data]`. */
export const historyOf = (domain: Domain, id: string): readonly (readonly [string, object])[] =>
  domain.events.filter(({ actor }) => actor.id === id).map(({ type, data }) => [type, data] as const);

export const typesOf = (domain: Domain, id: string): readonly string[] => historyOf(domain, id).map(([type]) => type);

/** What a task wants of workers now. */
export function workOf(domain: Domain, taskId: string): Work | undefined {
  const { behavior, state, head } = domain.find({ org: 'default', type: 'task', id: taskId });
  return behavior.work?.(state, head?.state);
}

/** What WORK would carry of a task's attempt. */
export function attemptOf(domain: Domain, taskId: string): { readonly [key: string]: Json } {
  const { behavior, state, head, address } = domain.find({ org: 'default', type: 'task', id: taskId });
  return behavior.attempt?.(state, address, head?.state) as { readonly [key: string]: Json };
}

/** Offers and claims a task: its attempt runs. */
export function start(domain: Domain, taskId: string): number {
  domain.tell('task', taskId, 'offer');
  const { attempt } = domain.stateOf<{ attempt: number }>('task', taskId);
  const reply = domain.tell('task', taskId, 'claim', { attempt, ...holder });
  if (!reply.ok) throw new Error(JSON.stringify(reply.problem));
  return attempt;
}

export function complete(domain: Domain, taskId: string, result?: Json): void {
  const attempt = start(domain, taskId);
  domain.tell('task', taskId, 'complete', { attempt, ...holder, ...(result === undefined ? {} : { result }) });
}

export function fail(domain: Domain, taskId: string, error: Json = { code: 'boom', message: 'no', retryable: false }) {
  const attempt = start(domain, taskId);
  domain.tell('task', taskId, 'fail', { attempt, ...holder, error });
}
