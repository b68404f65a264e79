import { describe, expect, it } from 'vitest';
import { epoch, micros, seq, shard } from './brand.ts';
import { pack, unpack } from './codec.ts';
import type { StoredEvent } from './event.ts';
import { decodeCommit, encodeCommit } from './log-message.ts';

const stored = (at: number): StoredEvent => ({
  shard: shard(3),
  seq: seq(at),
  epoch: epoch(70_000),
  commitSeq: seq(3),
  org: 'default',
  actorType: 'goal',
  actorKey: Buffer.alloc(20, at),
  version: at,
  type: 'GoalSubmitted',
  schema: 1,
  at: micros(1_700_000_000_000_000 + at),
  body: Buffer.alloc(600, at),
  hash: Buffer.alloc(32, at),
});
const events = [stored(1), stored(2), stored(3)];

describe('a message of LOG', () => {
  it('gives a commit back as it was, in one message or in parts', () => {
    expect(encodeCommit(events, 1024 * 1024).map(decodeCommit)).toEqual([{ shard: 3, part: 1, parts: 1, events }]);
    expect(encodeCommit(events, 1500).map(decodeCommit)).toEqual(
      events.map((event, i) => ({ shard: 3, part: i + 1, parts: 3, events: [event] })),
    );
  });

  it('is refused when it is of another layout', () => {
    const [bytes] = encodeCommit(events, 1024 * 1024);
    const message = unpack(bytes as Buffer) as { events: readonly (readonly unknown[])[] };
    const others = [
      7,
      {},
      { ...message, v: 2 },
      { ...message, events: [] },
      { ...message, events: message.events.map((event) => event.slice(1)) },
      { ...message, events: message.events.map((event) => event.with(0, 'one')) },
      { ...message, events: 'none' },
    ];
    for (const other of others)
      expect(() => decodeCommit(pack(other))).toThrow(
        expect.objectContaining({ kind: 'corrupt', code: 'unreadable_bytes' }),
      );
    expect(decodeCommit(pack({ ...message, later: [1] })).events).toEqual(events);
  });
});
