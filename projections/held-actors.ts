import type { Address } from '../kernel/address.ts';
import { type Micros, positionOf, type Seq, type Shard, toIso } from '../kernel/brand.ts';
import type { EventOutline } from '../kernel/event.ts';
import type { SupervisionEvent } from '../kernel/supervision.ts';
import type { HeldActorFilter, HeldActorView } from './held-actor-view.ts';
import type { Page, PageRequest } from './page.ts';
import type { Lookup } from './reads.ts';
import { Table } from './table.ts';

/** An actor that its supervision holds back, under the id of that. */
export interface HeldActor {
  readonly org: string;
  readonly id: string;
  readonly shard: Shard;
  /** Of the event since which it is held back. */
  readonly seq: Seq;
  readonly createdAt: Micros;
  readonly of: Address;
  readonly status: HeldActorView['status'];
  readonly reason: HeldActorView['reason'];
  /** Of its last failure. */
  code: string;
  deadLetter: string;
  readonly until: Micros | undefined;
  /** Commands that wait for it. */
  waiting: number;
  lastSeq: Seq;
}

const indexes = {
  status: (row: HeldActor) => [row.status],
  type: (row: HeldActor) => [row.of.type],
};

type Failed = Extract<SupervisionEvent, { type: 'ActorFailed' }>['data'];

/** The actors that are held back (docs/adr/0016-failures-are-facts.md): those that have failed and go on are not among them. */
export class HeldActors {
  readonly #table = new Table<HeldActor>(indexes);
  /** By shard: the failure that a suspension in the same commit is about. */
  readonly #failed = new Map<Shard, { readonly id: string; readonly data: Failed }>();

  /** Folds an event of a supervision; answers whose standing it has changed. */
  apply(record: EventOutline): Address | undefined {
    const { shard, seq, at } = record;
    const { org, id } = record.actor;
    const event = { type: record.type, data: record.data } as unknown as SupervisionEvent;
    const held = this.#table.get(org, id);
    if (held) held.lastSeq = seq;
    switch (event.type) {
      case 'ActorFailed': {
        const { of, code, deadLetter, until } = event.data;
        this.#failed.set(shard, { id, data: event.data });
        if (held) {
          held.code = code;
          held.deadLetter = deadLetter;
        }
        if (until === undefined || held?.status === 'suspended') return undefined;
        const waits = { status: 'waiting', reason: 'backoff', until } as const;
        return this.#hold({ org, id, shard, seq, createdAt: at, of, code, deadLetter, ...waits }, held);
      }
      case 'ActorSuspended': {
        const failed = this.#failed.get(shard);
        if (failed?.id !== id) return undefined;
        const { of, code, deadLetter } = failed.data;
        const stands = { status: 'suspended', reason: event.data.reason, until: undefined } as const;
        return this.#hold({ org, id, shard, seq, createdAt: at, of, code, deadLetter, ...stands }, held);
      }
      case 'CommandsDeferred':
        // What cannot be opened any more reads as a text: what is personal is alone in its event.
        if (held) held.waiting += Array.isArray(event.data.commands) ? event.data.commands.length : 1;
        return undefined;
      case 'CommandsReleased':
        return undefined;
      case 'ActorResumed':
        if (held) this.#table.remove(held);
        return held?.of;
    }
  }

  #hold(row: Omit<HeldActor, 'waiting' | 'lastSeq'>, before: HeldActor | undefined): Address {
    if (before) this.#table.remove(before);
    this.#table.insert({ ...row, waiting: before?.waiting ?? 0, lastSeq: row.seq });
    return row.of;
  }

  adopt(rebuilt: HeldActors, shard: Shard): void {
    for (const row of [...this.#table.rows()]) if (row.shard === shard) this.#table.remove(row);
    for (const row of rebuilt.#table.rows()) this.#table.insert(row);
    const failed = rebuilt.#failed.get(shard);
    if (failed) this.#failed.set(shard, failed);
    else this.#failed.delete(shard);
  }

  get(org: string, id: string): Lookup<HeldActorView> {
    const row = this.#table.get(org, id);
    return row
      ? { kind: 'found', view: heldActorView(row), etag: `"${row.shard}.${row.lastSeq}"` }
      : { kind: 'unknown' };
  }

  list(org: string, { status, type }: HeldActorFilter, page: PageRequest): Page<HeldActorView> {
    return this.#table.list(org, { status, type }, page, heldActorView);
  }

  find(org: string, id: string): HeldActor | undefined {
    return this.#table.get(org, id);
  }
}

const heldActorView = (row: HeldActor): HeldActorView => ({
  id: row.id,
  actor: { type: row.of.type, id: row.of.id },
  status: row.status,
  reason: row.reason,
  code: row.code,
  deadLetterId: row.deadLetter,
  ...(row.until === undefined ? null : { until: toIso(row.until) }),
  waiting: row.waiting,
  since: toIso(row.createdAt),
  position: positionOf(row.shard, row.lastSeq),
});
