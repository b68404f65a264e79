import { randomBytes } from 'node:crypto';
import { type Micros, micros, seq } from '../kernel/brand.ts';
import { type BodyParts, encodeBody } from '../kernel/codec.ts';
import type { StoredEvent } from '../kernel/event.ts';
import { eventHash } from '../kernel/hash.ts';
import { encodeId } from '../kernel/ids.ts';
import type { CommitPart, ShardRow } from '../kernel/log.ts';

/** What a task that goes well writes: the mix of a busy kernel. */
const story = ['TaskQueued', 'TaskStarted', 'TaskCompleted'] as const;

const goalsPerShard = 64;
const tasksPerGoal = 10;

/** Milliseconds of this process, by what they were spent on. */
export interface Spent {
  encode: number;
  hash: number;
}

/** One shard's tasks, going well one after the other: its events have the fields, sizes and index keys of real ones. */
export class ShardLoad {
  row: ShardRow;
  /** Events that were built. */
  built = 0;
  readonly #goals: readonly { readonly key: Buffer; readonly id: string }[];
  readonly #worker = encodeId('wk', randomBytes(16));
  readonly #incarnation = randomBytes(8).toString('hex');
  #commands = 0;

  constructor(row: ShardRow) {
    this.row = row;
    this.#goals = Array.from({ length: goalsPerShard }, () => {
      const key = randomBytes(16);
      return { key, id: encodeId('gl', key) };
    });
  }

  /** The next `count` events as a part, as the writer of a kernel builds it: encoded, numbered, chained. */
  next(count: number, now: Micros, spent: Spent): CommitPart {
    const from = performance.now();
    const { row } = this;
    const last = seq(row.seq + count);
    const drafts: Omit<StoredEvent, 'hash'>[] = [];
    for (let i = 0; i < count; i++) {
      const n = this.built++;
      const type = story[n % 3] as (typeof story)[number];
      const task = Math.floor(n / 3);
      const goal = this.#goals[Math.floor(task / tasksPerGoal) % goalsPerShard] as { key: Buffer; id: string };
      const key = `step-${task % tasksPerGoal}`;
      drafts.push({
        shard: row.shard,
        seq: seq(row.seq + i + 1),
        epoch: row.epoch,
        commitSeq: last,
        org: 'default',
        actorType: 'task',
        actorKey: Buffer.concat([goal.key, Buffer.from(key)]),
        version: (n % 3) + 1,
        type,
        schema: 1,
        at: micros(now + i),
        body: encodeBody(this.#body(type, n, now)),
      });
    }
    const encoded = performance.now();
    let { hash } = row;
    const events = drafts.map((draft): StoredEvent => {
      hash = eventHash(hash, draft);
      return { ...draft, hash };
    });
    spent.encode += encoded - from;
    spent.hash += performance.now() - encoded;
    const part: CommitPart = {
      shard: row.shard,
      epoch: row.epoch,
      previousSeq: row.seq,
      seq: last,
      hash,
      at: micros(now + count),
      lane: { generation: row.lane.generation, sequence: row.lane.sequence + 1, time: `${now}000` },
      sent: null,
      got: null,
      unconfirmedSeq: last,
      evtSeq: row.seq,
      flushedSeq: row.flushedSeq,
      probation: null,
      events,
      commands: [],
    };
    this.row = { ...row, seq: last, hash, at: part.at, lane: part.lane };
    return part;
  }

  #body(type: (typeof story)[number], n: number, now: Micros): BodyParts {
    const data =
      type === 'TaskQueued'
        ? { attempt: 1, offer: 1, run: 1, readyAt: now }
        : type === 'TaskStarted'
          ? { attempt: 1, worker: this.#worker, incarnation: this.#incarnation }
          : { attempt: 1, result: { lines: n, words: n * 7, ok: true } };
    const verb = type === 'TaskQueued' ? 'offer' : type === 'TaskStarted' ? 'claim' : 'complete';
    const id = `${verb}/${this.#incarnation}/${this.#commands++}`;
    const principal = verb === 'offer' ? 'kernel' : `worker:${this.#worker}`;
    return { data, commandId: id, principal, correlationId: id, command: { verb, body: data } };
  }
}
