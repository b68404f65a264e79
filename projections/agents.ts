import {
  type AgentEvent,
  type AgentProfile,
  type AgentStatus,
  type ChildSupervision,
  supervisionDefault,
} from '../actors/agent/events.ts';
import { type Micros, positionOf, type Seq, type Shard, toIso } from '../kernel/brand.ts';
import type { EventOutline } from '../kernel/event.ts';
import { supervisionType } from '../kernel/supervision.ts';
import { type AgentMessage, AgentMessages, messageView } from './agent-messages.ts';
import type { AgentFilter, AgentMessageView, AgentView } from './agent-view.ts';
import { HeldActors } from './held-actors.ts';
import { Interned } from './interned.ts';
import { compareOrdered } from './ordered-index.ts';
import { type Page, type PageRequest, parseCursor } from './page.ts';
import type { Projection } from './projection.ts';
import type { Lookup } from './reads.ts';
import { pageOf, Table } from './table.ts';

/** An agent in memory. */
export interface AgentRow {
  readonly org: string;
  readonly id: string;
  readonly shard: Shard;
  /** Of AgentSpawned. */
  readonly seq: Seq;
  readonly createdAt: Micros;
  profile: AgentProfile;
  profileVersion: number;
  status: AgentStatus;
  reason: string | undefined;
  /** What holds it back because it has failed: it shows as failed until that is over. */
  suspendedBy: string | undefined;
  /** Goals admitted and not settled; absent while there are none. */
  openGoals: Set<string> | undefined;
  updatedAt: Micros;
  lastSeq: Seq;
  /** Oldest first; absent while none came. */
  messages: AgentMessage[] | undefined;
}

export interface AgentsState {
  readonly table: Table<AgentRow>;
  readonly messages: AgentMessages;
  readonly held: HeldActors;
  readonly interned: Interned;
}

/** Names are compared without case (docs/domain.md, "Ids and names"). */
const nameKey = (name: string): string => name.normalize('NFC').toLowerCase();

const shownStatus = (row: AgentRow): AgentStatus => (row.suspendedBy === undefined ? row.status : 'failed');

const indexes = {
  status: (row: AgentRow) => [shownStatus(row)],
  parentId: (row: AgentRow) => (row.profile.parentId === null ? [] : [row.profile.parentId]),
  tag: (row: AgentRow) => row.profile.tags,
  name: (row: AgentRow) => [nameKey(row.profile.name)],
};

const statusAfter: { readonly [type: string]: AgentStatus } = {
  AgentPaused: 'paused',
  AgentResumed: 'active',
  AgentDrainStarted: 'draining',
  AgentStopped: 'stopped',
  AgentFailed: 'failed',
  AgentRestarted: 'active',
};

export const agents: Projection<AgentsState> = {
  name: 'agents',
  version: 1,
  indexes: Object.keys(indexes),

  initial: () => ({
    table: new Table(indexes),
    messages: new AgentMessages(),
    held: new HeldActors(),
    interned: new Interned(),
  }),

  apply(state, record) {
    if (record.actor.type === supervisionType) return suspend(state, record);
    if (record.actor.type !== 'agent') return;
    const event = { type: record.type, data: record.data } as unknown as AgentEvent;
    const row = state.table.get(record.actor.org, record.actor.id);
    if (event.type === 'AgentSpawned') {
      if (!row) state.table.insert(spawned(record, event.data, state.interned));
      return;
    }
    if (!row) return;
    row.lastSeq = record.seq;
    row.updatedAt = record.at;
    switch (event.type) {
      case 'AgentProfileChanged':
        changeProfile(state, row, event.data);
        break;
      case 'AgentMessageReceived':
        state.messages.add(row, {
          createdAt: record.at,
          shard: record.shard,
          seq: record.seq,
          type: event.data.type,
          payload: event.data.payload,
          from: event.data.from,
          taskId: event.data.taskId,
        });
        break;
      case 'AgentGoalAdmitted':
        row.openGoals ??= new Set();
        row.openGoals.add(event.data.goalId);
        break;
      case 'AgentGoalSettled':
        row.openGoals?.delete(event.data.goalId);
        if (row.openGoals?.size === 0) row.openGoals = undefined;
        break;
      default: {
        const status = statusAfter[event.type];
        if (!status) break;
        const before = shownStatus(row);
        row.status = status;
        row.reason = status === 'active' ? undefined : (event.data as { readonly reason?: string }).reason;
        state.table.moved(row, 'status', before, shownStatus(row));
      }
    }
  },

  adopt(state, rebuilt, shard) {
    for (const row of [...state.table.rows()]) if (row.shard === shard) state.table.remove(row);
    for (const row of rebuilt.table.rows()) state.table.insert(row);
    state.messages.adopt(rebuilt.messages);
    state.held.adopt(rebuilt.held, shard);
  },
};

/** A supervision lives on the shard of whom it watches over, and says nothing before that one exists. */
function suspend(state: AgentsState, record: EventOutline): void {
  const of = state.held.apply(record);
  const row = of?.type === 'agent' ? state.table.get(of.org, of.id) : undefined;
  if (!row) return;
  const before = shownStatus(row);
  const { org, id } = record.actor;
  row.suspendedBy = state.held.find(org, id)?.status === 'suspended' ? id : undefined;
  state.table.moved(row, 'status', before, shownStatus(row));
}

function spawned(record: EventOutline, data: AgentProfile, interned: Interned): AgentRow {
  return {
    org: interned.string(record.actor.org),
    id: record.actor.id,
    shard: record.shard,
    seq: record.seq,
    createdAt: record.at,
    profile: compact(data, interned),
    profileVersion: 1,
    status: 'active',
    reason: undefined,
    suspendedBy: undefined,
    openGoals: undefined,
    updatedAt: record.at,
    lastSeq: record.seq,
    messages: undefined,
  };
}

/** The profile with what many agents have in common shared. */
const compact = (data: AgentProfile, interned: Interned): AgentProfile => ({
  name: data.name,
  kind: interned.string(data.kind),
  systemPrompt: interned.string(data.systemPrompt),
  config: interned.value(data.config),
  tags: interned.strings(data.tags),
  allowedTools: interned.strings(data.allowedTools),
  priority: data.priority,
  parentId: data.parentId ?? null,
  maxConcurrentGoals: data.maxConcurrentGoals,
  metadata: interned.value(data.metadata),
  // Agents that were spawned before there was one have the default.
  supervision: interned.value((data.supervision as ChildSupervision | undefined) ?? supervisionDefault),
  subject: data.subject ?? null,
});

function changeProfile(state: AgentsState, row: AgentRow, change: Partial<AgentProfile>): void {
  const before = row.profile;
  row.profile = compact({ ...before, ...change }, state.interned);
  row.profileVersion++;
  const { tags } = row.profile;
  for (const tag of before.tags) if (!tags.includes(tag)) state.table.moved(row, 'tag', tag, undefined);
  for (const tag of tags) if (!before.tags.includes(tag)) state.table.moved(row, 'tag', undefined, tag);
  state.table.moved(row, 'name', nameKey(before.name), nameKey(row.profile.name));
}

const view =
  ({ held }: AgentsState) =>
  (row: AgentRow): AgentView => ({
    id: row.id,
    name: row.profile.name,
    kind: row.profile.kind,
    status: shownStatus(row),
    systemPrompt: row.profile.systemPrompt,
    config: row.profile.config,
    tags: row.profile.tags,
    allowedTools: row.profile.allowedTools,
    priority: row.profile.priority,
    parentId: row.profile.parentId,
    maxConcurrentGoals: row.profile.maxConcurrentGoals,
    metadata: row.profile.metadata,
    supervision: row.profile.supervision,
    subject: row.profile.subject,
    profileVersion: row.profileVersion,
    openGoals: row.openGoals?.size ?? 0,
    ...(row.reason === undefined ? null : { reason: row.reason }),
    ...suspensionOf(row, held),
    createdAt: toIso(row.createdAt),
    updatedAt: toIso(row.updatedAt),
    position: positionOf(row.shard, row.lastSeq),
  });

function suspensionOf({ org, suspendedBy }: AgentRow, held: HeldActors): Pick<AgentView, 'suspension'> | null {
  const found = suspendedBy === undefined ? undefined : held.get(org, suspendedBy);
  if (found?.kind !== 'found') return null;
  const { id, reason, code, deadLetterId, since } = found.view;
  return { suspension: { id, reason, code, deadLetterId, since } };
}

export function getAgent(state: AgentsState, org: string, id: string): Lookup<AgentView> {
  const row = state.table.get(org, id);
  if (!row) return { kind: 'unknown' };
  // Its suspension is no event of its own.
  const held = row.suspendedBy === undefined ? undefined : state.held.find(org, row.suspendedBy);
  return {
    kind: 'found',
    view: view(state)(row),
    etag: `"${row.shard}.${row.lastSeq}${held ? `.${held.lastSeq}` : ''}"`,
  };
}

export const listAgents = (
  state: AgentsState,
  org: string,
  { status, tag, name, parentId }: AgentFilter,
  page: PageRequest,
): Page<AgentView> =>
  state.table.list(
    org,
    { status, tag, parentId, name: name === undefined ? undefined : nameKey(name) },
    page,
    view(state),
  );

/** The agent that holds a name now: a stopped one has released it. */
export function agentByName(state: AgentsState, org: string, name: string): string | undefined {
  const key = nameKey(name);
  const index = state.table.narrowest(org, { name: key });
  for (const row of index?.newestFirst() ?? [])
    if (row.status !== 'stopped' && nameKey(row.profile.name) === key) return row.id;
  return undefined;
}

export function agentMessages(
  state: AgentsState,
  org: string,
  id: string,
  page: PageRequest,
): Page<AgentMessageView> | undefined {
  const row = state.table.get(org, id);
  if (!row) return undefined;
  const from = page.cursor === undefined ? undefined : parseCursor(page.cursor);
  const newestFirst = (row.messages ?? []).toReversed();
  return pageOf(newestFirst, (message) => !from || compareOrdered(message, from) < 0, page.limit, messageView);
}
