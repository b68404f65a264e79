import type { Address } from '../../kernel/address.ts';
import {
  accept,
  type Behavior,
  type Cause,
  type DecideContext,
  type Decision,
  delegate,
  type Effect,
  redirect,
  refuse,
  repeat,
  type Stamped,
  send,
} from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import { nameId } from '../name/behavior.ts';
import type { AgentEvent, AgentProfile, AgentStatus } from './events.ts';

/**
 * An agent (domain.md, "Agent"): `active ⇄ paused`, `active | paused → draining → stopped`, any → `failed` → `active`. It admits
 * goals before they exist, and counts those that are open; its name is reserved before it is spawned.
 */
export interface AgentState {
  readonly profile: AgentProfile;
  /** Counts changes of the profile, from 1. */
  readonly profileVersion: number;
  readonly status: AgentStatus;
  readonly fingerprint: string | undefined;
  readonly open: Set<string>;
  /** The name before the last rename: it is released behind it. */
  readonly formerName: string | undefined;
}

type Fields = { readonly [key: string]: Json | undefined };
type Verb = (state: AgentState, body: Fields, context: DecideContext) => Decision<AgentEvent>;

export const agent: Behavior<AgentState, AgentEvent> = {
  type: 'agent',
  ids: { prefix: 'ag' },
  version: 1,
  events: {
    AgentSpawned: 1,
    AgentProfileChanged: 1,
    AgentPaused: 1,
    AgentResumed: 1,
    AgentDrainStarted: 1,
    AgentStopped: 1,
    AgentFailed: 1,
    AgentRestarted: 1,
    AgentMessageReceived: 1,
    AgentGoalAdmitted: 1,
    AgentGoalSettled: 1,
  },
  decide(state, verb, body, context) {
    const fields = (body ?? {}) as Fields;
    if (verb === 'create' || verb === 'spawn') return spawn(state, verb, fields, context);
    if (!state) return refuse('rejected', 'not_found', `there is no agent ${context.self.id}`);
    const decide = verbs[verb];
    return decide
      ? decide(state, fields, context)
      : refuse('rejected', 'invalid_input', `an agent does not know the command ${verb}`);
  },
  evolve,
  react,
  idle: () => true,
  subject: ({ profile }) => profile.subject ?? undefined,
  personal: {
    AgentSpawned: ['systemPrompt', 'config', 'metadata'],
    AgentProfileChanged: ['systemPrompt', 'config', 'metadata'],
    AgentMessageReceived: ['payload'],
  },
};

/** What of the profile a goal's tasks see. */
const pinOf = ({ profile, profileVersion }: AgentState): Json => ({
  profileVersion,
  allowedTools: [...profile.allowedTools],
});

const nameAt = (self: Address, name: string): Address => ({
  org: self.org,
  type: 'name',
  id: nameId(self.org, 'agent', name),
});

function spawn(
  state: AgentState | undefined,
  verb: string,
  body: Fields,
  { self, envelope }: DecideContext,
): Decision<AgentEvent> {
  const profile = body['profile'] as unknown as AgentProfile;
  if (state) {
    if (envelope.fingerprint !== undefined && state.fingerprint === envelope.fingerprint)
      return repeat({ id: self.id, status: 'active' });
    return refuse(
      'rejected',
      'idempotency_key_reused',
      'this idempotency key was used for another agent: use a new key, or repeat the same request',
    );
  }
  // Who creates asks the created first: it does not exist, so its name has to be reserved.
  if (verb === 'create')
    return redirect(nameAt(self, profile.name), 'reserve', {
      kind: 'agent',
      name: profile.name,
      holder: self.id,
      next: 'spawn',
      body: body as Json,
    });
  const spawned: AgentEvent = {
    type: 'AgentSpawned',
    data: { ...profile, ...(envelope.fingerprint === undefined ? null : { fingerprint: envelope.fingerprint }) },
  };
  return accept([spawned], { id: self.id, status: 'active' });
}

const invalid = (state: AgentState, expected: string): Decision<never> =>
  refuse('conflict', 'invalid_transition', `expected ${expected}, found an agent that is ${state.status}`);

const reasonOf = ({ reason }: Fields): { readonly reason?: string } => (typeof reason === 'string' ? { reason } : {});

const verbs: Readonly<Record<string, Verb>> = {
  pause: (state, body) =>
    state.status === 'active'
      ? accept<AgentEvent>([{ type: 'AgentPaused', data: reasonOf(body) }])
      : invalid(state, 'an active agent'),
  resume: (state, body) =>
    state.status === 'paused'
      ? accept<AgentEvent>([{ type: 'AgentResumed', data: reasonOf(body) }])
      : invalid(state, 'a paused agent'),
  drain(state, body) {
    if (state.status !== 'active' && state.status !== 'paused') return invalid(state, 'an active or paused agent');
    const events: AgentEvent[] = [{ type: 'AgentDrainStarted', data: reasonOf(body) }];
    if (state.open.size === 0) events.push({ type: 'AgentStopped', data: { reason: 'drained' } });
    return accept(events);
  },
  stop: (state, body) =>
    state.status === 'stopped'
      ? invalid(state, 'one that is not stopped')
      : accept<AgentEvent>([{ type: 'AgentStopped', data: reasonOf(body) }]),
  restart: (state, body) =>
    state.status === 'failed'
      ? accept<AgentEvent>([{ type: 'AgentRestarted', data: reasonOf(body) }])
      : invalid(state, 'a failed agent'),
  fail: (state, { reason }) =>
    state.status === 'stopped' || state.status === 'failed'
      ? accept<AgentEvent>([])
      : accept<AgentEvent>([
          { type: 'AgentFailed', data: { reason: typeof reason === 'string' ? reason : 'suspended' } },
        ]),
  patch(state, body, { self }) {
    if (state.status === 'stopped') return invalid(state, 'one that is not stopped');
    const change = body as Partial<AgentProfile>;
    const same = change.name !== undefined && nameAt(self, change.name).id === nameAt(self, state.profile.name).id;
    // The same name in other letters is the same reservation; it is no rename.
    if (change.name === undefined || same) {
      const { name: _same, ...rest } = change;
      return accept<AgentEvent>([
        { type: 'AgentProfileChanged', data: same && change.name === state.profile.name ? rest : change },
      ]);
    }
    // Another name is reserved first, which then renames: two agents of one name cannot exist.
    return redirect(nameAt(self, change.name), 'reserve', {
      kind: 'agent',
      name: change.name,
      holder: self.id,
      next: 'rename',
      body: body as Json,
    });
  },
  rename(state, body) {
    if (state.status === 'stopped') return invalid(state, 'one that is not stopped');
    return accept<AgentEvent>([{ type: 'AgentProfileChanged', data: body as Partial<AgentProfile> }]);
  },
  message(state, { type, payload, from }) {
    if (state.status !== 'active' && state.status !== 'paused')
      return refuse(
        'conflict',
        'agent_not_accepting',
        `expected an active or paused agent, found one that is ${state.status}`,
      );
    return accept<AgentEvent>([
      {
        type: 'AgentMessageReceived',
        data: { type: type as string, payload: payload ?? null, ...(typeof from === 'string' ? { from } : null) },
      },
    ]);
  },
  /** Before a goal exists: may it? */
  admit(state, body, { self }) {
    const goalId = body['goalId'] as string;
    const goal: Address = { org: self.org, type: 'goal', id: goalId };
    // Admitted before: whichever of the two messages comes first creates it, the other is a repeat.
    if (state.open.has(goalId)) return redirect(goal, 'submit', { ...body, agent: pinOf(state) });
    if (state.status !== 'active')
      return refuse('conflict', 'agent_not_accepting', `expected an active agent, found one that is ${state.status}`);
    if (state.open.size >= state.profile.maxConcurrentGoals)
      return refuse(
        'overloaded',
        'concurrent_goals_cap',
        `expected fewer than ${state.profile.maxConcurrentGoals} open goals of this agent, found ${state.open.size}: wait until one has ended`,
        { retryAfterMs: 1000 },
      );
    const { profile } = state;
    const plan = (body['goal'] as { plan?: { tasks: readonly { key: string; type: string }[] } } | undefined)?.plan;
    const barred =
      profile.allowedTools.length === 0
        ? undefined
        : plan?.tasks.find(({ type }) => !profile.allowedTools.includes(type));
    if (barred)
      return refuse(
        'rejected',
        'plan_invalid',
        `expected the agent's allowed tools (${profile.allowedTools.join(', ')}), found ${barred.type} in task ${barred.key}`,
      );
    return delegate<AgentEvent>([{ type: 'AgentGoalAdmitted', data: { goalId, run: 1 } }]);
  },
  /** A goal begins another run: it is counted again, without admission. */
  readmit: (state, { goalId, run }) =>
    state.open.has(goalId as string)
      ? accept<AgentEvent>([])
      : accept<AgentEvent>([{ type: 'AgentGoalAdmitted', data: { goalId: goalId as string, run: run as number } }]),
  settle(state, { goalId, run, status }) {
    if (!state.open.has(goalId as string)) return accept<AgentEvent>([]);
    const events: AgentEvent[] = [
      { type: 'AgentGoalSettled', data: { goalId: goalId as string, run: run as number, status: status as string } },
    ];
    if (state.status === 'draining' && state.open.size === 1)
      events.push({ type: 'AgentStopped', data: { reason: 'drained' } });
    return accept(events);
  },
};

function evolve(was: AgentState | undefined, event: Stamped<AgentEvent>): AgentState {
  if (event.type === 'AgentSpawned') {
    const { fingerprint, ...profile } = event.data;
    return { profile, profileVersion: 1, status: 'active', fingerprint, open: new Set(), formerName: undefined };
  }
  const state = was as AgentState;
  switch (event.type) {
    case 'AgentProfileChanged':
      return {
        ...state,
        profile: { ...state.profile, ...event.data },
        profileVersion: state.profileVersion + 1,
        formerName:
          event.data.name === undefined || event.data.name === state.profile.name ? undefined : state.profile.name,
      };
    case 'AgentPaused':
      return { ...state, status: 'paused' };
    case 'AgentResumed':
    case 'AgentRestarted':
      return { ...state, status: 'active' };
    case 'AgentDrainStarted':
      return { ...state, status: 'draining' };
    case 'AgentStopped':
      return { ...state, status: 'stopped' };
    case 'AgentFailed':
      return { ...state, status: 'failed' };
    case 'AgentMessageReceived':
      return state;
    case 'AgentGoalAdmitted':
      state.open.add(event.data.goalId);
      return state;
    case 'AgentGoalSettled':
      state.open.delete(event.data.goalId);
      return state;
  }
}

function react(state: AgentState, event: Stamped<AgentEvent>, cause: Cause): readonly Effect[] {
  const self = event.actor;
  switch (event.type) {
    case 'AgentSpawned':
      return [send(nameAt(self, event.data.name), 'confirm', { holder: self.id })];
    case 'AgentProfileChanged':
      if (event.data.name === undefined || state.formerName === undefined) return [];
      return [
        send(nameAt(self, event.data.name), 'confirm', { holder: self.id }),
        send(nameAt(self, state.formerName), 'release', { holder: self.id, reason: 'renamed' }),
      ];
    case 'AgentGoalAdmitted': {
      // The goal itself travels in the command; the event only counts it.
      if (cause.verb !== 'admit') return [];
      const goal: Address = { org: self.org, type: 'goal', id: event.data.goalId };
      return [send(goal, 'submit', { ...(cause.body as Fields), agent: pinOf(state) }, { delegate: true })];
    }
    case 'AgentStopped':
      return [
        send(nameAt(self, state.profile.name), 'release', { holder: self.id, reason: 'stopped' }),
        ...[...state.open].map((goalId) =>
          send({ org: self.org, type: 'goal', id: goalId }, 'cancel', { code: 'agent_stopped' }),
        ),
      ];
    default:
      return [];
  }
}
