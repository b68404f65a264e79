import type { DeadLetterEvent, DeadLetterOrigin } from '../actors/dead-letter/events.ts';
import { type Micros, positionOf, type Seq, type Shard, toIso } from '../kernel/brand.ts';
import type { Json } from '../kernel/envelope.ts';
import type { Problem } from '../kernel/errors.ts';
import type { EventOutline } from '../kernel/event.ts';
import { parkedCommandsMax } from './bounds.ts';
import type { DeadLetterFilter, DeadLetterView } from './dead-letter-view.ts';
import { OrderedIndex } from './ordered-index.ts';
import type { Page, PageRequest } from './page.ts';
import type { Lookup } from './reads.ts';
import { Table } from './table.ts';
import type { TaskRow } from './task-row.ts';

/** A dead letter in memory: a task that is one, or a command or publication that was parked. */
interface DeadLetterRow {
  readonly org: string;
  readonly id: string;
  readonly createdAt: Micros;
  readonly shard: Shard;
  readonly seq: Seq;
  readonly task?: TaskRow;
  readonly parked?: {
    readonly kind: 'command' | 'publication';
    readonly origin: DeadLetterOrigin;
    readonly error: Problem;
    readonly payload: Json;
    readonly count: number;
  };
}

const kindOf = ({ parked }: DeadLetterRow): DeadLetterView['kind'] => parked?.kind ?? 'task';

const indexes = {
  kind: (row: DeadLetterRow) => [kindOf(row)],
  goalId: ({ task }: DeadLetterRow) => (task ? [task.goal.id] : []),
  agentId: ({ task }: DeadLetterRow) => (task ? [task.goal.facts.agentId] : []),
  type: ({ task }: DeadLetterRow) => (task ? [task.planned.type] : []),
  code: ({ task, parked }: DeadLetterRow) => [(task ? task.error?.code : parked?.error.code) ?? 'unknown'],
};

/** Both kinds in one list. A task's leaves with its goal; of the others the oldest leave first. */
export class DeadLetters {
  readonly #table = new Table<DeadLetterRow>(indexes);
  readonly #parked = new OrderedIndex<DeadLetterRow>();

  countOf(org: string): number {
    return this.#table.countOf(org);
  }

  /** A task has no attempt left; its error is set already. */
  addTask(task: TaskRow, at: Micros, seq: Seq): void {
    const { org } = task.goal;
    this.#table.insert({ org, id: task.id, createdAt: at, shard: task.shard, seq, task });
  }

  removeTask(task: TaskRow): void {
    const row = this.#table.get(task.goal.org, task.id);
    if (row) this.#table.remove(row);
  }

  apply(record: EventOutline): void {
    const { org, id } = record.actor;
    const event = { type: record.type, data: record.data } as unknown as DeadLetterEvent;
    const had = this.#table.get(org, id);
    if (event.type !== 'DeadLetterParked') {
      if (had) this.#forget(had);
      return;
    }
    if (had) return;
    const { origin, error, envelope, publication, count } = event.data;
    this.#keep({
      org,
      id,
      createdAt: record.at,
      shard: record.shard,
      seq: record.seq,
      parked: {
        kind: origin.source === 'publication' ? 'publication' : 'command',
        origin,
        error,
        payload: envelope ? envelope.body : ((publication ?? null) as Json),
        count,
      },
    });
  }

  #keep(row: DeadLetterRow): void {
    this.#table.insert(row);
    this.#parked.add(row);
    if (this.#parked.size > parkedCommandsMax) this.#forget(this.#parked.oldest as DeadLetterRow);
  }

  #forget(row: DeadLetterRow): void {
    this.#table.remove(row);
    this.#parked.delete(row);
  }

  adopt(rebuilt: DeadLetters, shard: Shard): void {
    for (const row of [...this.#table.rows()]) if (row.shard === shard) this.#forget(row);
    for (const row of rebuilt.#table.rows())
      if (row.task) this.#table.insert(row);
      else this.#keep(row);
  }

  get(org: string, id: string): Lookup<DeadLetterView> {
    const row = this.#table.get(org, id);
    return row ? { kind: 'found', view: view(row), etag: `"${row.shard}.${row.seq}"` } : { kind: 'unknown' };
  }

  list(org: string, filter: DeadLetterFilter, page: PageRequest): Page<DeadLetterView> {
    const { kind, goalId, agentId, type, code } = filter;
    return this.#table.list(org, { kind, goalId, agentId, type, code }, page, view);
  }
}

function view(row: DeadLetterRow): DeadLetterView {
  const { id, task, parked } = row;
  const base = { id, createdAt: toIso(row.createdAt), position: positionOf(row.shard, row.seq) };
  if (task)
    return {
      ...base,
      kind: 'task',
      goalId: task.goal.id,
      agentId: task.goal.facts.agentId,
      type: task.planned.type,
      pool: task.planned.pool,
      run: task.run,
      count: task.attempt,
      error: task.error ?? { code: 'unknown', message: 'the error of this attempt is not recorded' },
      payload: task.planned.input,
    };
  if (!parked) throw new Error(`dead letter ${id} is neither a task nor a command`);
  return { ...base, ...parked };
}
