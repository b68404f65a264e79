import type { WorkerEvent, WorkerProfile, WorkerStatus } from '../actors/worker/events.ts';
import { type Micros, positionOf, type Seq, type Shard, toIso } from '../kernel/brand.ts';
import { goneWorkersMax } from './bounds.ts';
import { OrderedIndex } from './ordered-index.ts';
import type { Page, PageRequest } from './page.ts';
import type { Projection } from './projection.ts';
import type { Lookup } from './reads.ts';
import { Table } from './table.ts';
import type { WorkerFilter, WorkerView } from './worker-view.ts';

/** A worker in memory. */
interface WorkerRow {
  readonly org: string;
  readonly id: string;
  readonly shard: Shard;
  /** Of its first WorkerRegistered. */
  readonly seq: Seq;
  readonly createdAt: Micros;
  profile: WorkerProfile;
  status: WorkerStatus;
  reason: string | undefined;
  updatedAt: Micros;
  lastSeq: Seq;
}

const indexes = {
  status: (row: WorkerRow) => [row.status],
  pool: (row: WorkerRow) => row.profile.pools,
};

const isLive = ({ status }: WorkerRow): boolean => status === 'registered' || status === 'active';
const isGone = ({ status }: WorkerRow): boolean => status === 'gone' || status === 'lost';

/** The workers of all orgs; of those that are gone or lost, the ones that registered first leave when they are too many. */
export class WorkersState {
  readonly table = new Table(indexes);
  readonly #gone = new OrderedIndex<WorkerRow>();
  readonly #revisions = new Map<string, number>();

  revision(org: string): number {
    return this.#revisions.get(org) ?? 0;
  }

  serves(org: string, type: string, pool?: string): boolean {
    for (const row of this.table.rowsOf(org))
      if (isLive(row) && row.profile.types.includes(type) && (pool === undefined || row.profile.pools.includes(pool)))
        return true;
    return false;
  }

  /** Slots of an org's live workers, by pool. */
  slots(org: string): Map<string, number> {
    const slots = new Map<string, number>();
    for (const row of this.table.rowsOf(org))
      if (isLive(row))
        for (const pool of row.profile.pools) slots.set(pool, (slots.get(pool) ?? 0) + row.profile.slots);
    return slots;
  }

  changed(row: WorkerRow, change: () => void): void {
    this.table.remove(row);
    this.#gone.delete(row);
    change();
    this.put(row);
  }

  put(row: WorkerRow): void {
    this.#revisions.set(row.org, this.revision(row.org) + 1);
    this.table.insert(row);
    if (!isGone(row)) return;
    this.#gone.add(row);
    if (this.#gone.size > goneWorkersMax) this.drop(this.#gone.oldest as WorkerRow);
  }

  drop(row: WorkerRow): void {
    this.table.remove(row);
    this.#gone.delete(row);
  }
}

export const workers: Projection<WorkersState> = {
  name: 'workers',
  version: 1,
  indexes: Object.keys(indexes),

  initial: () => new WorkersState(),

  apply(state, record) {
    if (record.actor.type !== 'worker') return;
    const event = { type: record.type, data: record.data } as unknown as WorkerEvent;
    const { org, id } = record.actor;
    const row = state.table.get(org, id);
    if (event.type === 'WorkerRegistered') {
      const fresh = {
        profile: event.data,
        status: 'registered' as const,
        reason: undefined,
        updatedAt: record.at,
        lastSeq: record.seq,
      };
      if (row) state.changed(row, () => Object.assign(row, fresh));
      else state.put({ org, id, shard: record.shard, seq: record.seq, createdAt: record.at, ...fresh });
      return;
    }
    if (!row) return;
    state.changed(row, () => {
      row.status = statusAfter[event.type];
      row.reason = 'reason' in event.data ? event.data.reason : undefined;
      row.updatedAt = record.at;
      row.lastSeq = record.seq;
    });
  },

  adopt(state, rebuilt, shard) {
    for (const row of [...state.table.rows()]) if (row.shard === shard) state.drop(row);
    for (const row of rebuilt.table.rows()) state.put(row);
  },
};

const statusAfter: { readonly [type in Exclude<WorkerEvent['type'], 'WorkerRegistered'>]: WorkerStatus } = {
  WorkerDraining: 'draining',
  WorkerLost: 'lost',
  WorkerReturned: 'active',
  WorkerStopped: 'gone',
};

/** How many tasks a worker of this org holds. */
export type HeldBy = (org: string, worker: string) => number;

const viewWith =
  (heldBy: HeldBy) =>
  (row: WorkerRow): WorkerView => ({
    id: row.id,
    status: row.status,
    pools: row.profile.pools,
    slots: row.profile.slots,
    types: row.profile.types,
    drivers: row.profile.drivers,
    host: row.profile.host,
    version: row.profile.version,
    incarnation: row.profile.incarnation,
    running: heldBy(row.org, row.id),
    ...(row.reason === undefined ? null : { reason: row.reason }),
    registeredAt: toIso(row.createdAt),
    updatedAt: toIso(row.updatedAt),
    position: positionOf(row.shard, row.lastSeq),
  });

export function getWorker(state: WorkersState, heldBy: HeldBy, org: string, id: string): Lookup<WorkerView> {
  const row = state.table.get(org, id);
  if (!row) return { kind: 'unknown' };
  const view = viewWith(heldBy)(row);
  return { kind: 'found', view, etag: `"${row.shard}.${row.lastSeq}.${view.running}"` };
}

export const listWorkers = (
  state: WorkersState,
  heldBy: HeldBy,
  org: string,
  { status, pool }: WorkerFilter,
  page: PageRequest,
): Page<WorkerView> => state.table.list(org, { status, pool }, page, viewWith(heldBy));
