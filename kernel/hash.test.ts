import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { epoch, micros, seq, shard } from './brand.ts';
import { eventHash, genesisHash } from './hash.ts';

const event = {
  shard: shard(3),
  seq: seq(2 ** 33 + 1),
  epoch: epoch(7),
  commitSeq: seq(2 ** 33 + 2),
  org: 'default',
  actorType: 'goal',
  actorKey: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
  version: 5,
  type: 'GoalSubmitted',
  schema: 1,
  at: micros(1_700_000_000_000_000),
  body: Buffer.from('80', 'hex'),
};

describe('the hash chain', () => {
  it('is SHA-256 over the fields in the documented order and widths', () => {
    const previous = genesisHash('db', 3);
    const hex = [
      previous.toString('hex'),
      '0001',
      '0003',
      '0000000200000001',
      '00000007',
      '0000000200000002',
      '00060a24181e4000',
      '00000005',
      '0001',
      `00000007${Buffer.from('default').toString('hex')}`,
      `00000004${Buffer.from('goal').toString('hex')}`,
      `00000010${event.actorKey.toString('hex')}`,
      `0000000d${Buffer.from('GoalSubmitted').toString('hex')}`,
      '0000000180',
    ].join('');
    expect(eventHash(previous, event)).toEqual(createHash('sha256').update(Buffer.from(hex, 'hex')).digest());
  });

  it('begins at SHA-256("astra" ‖ database id ‖ u16 shard)', () => {
    expect(genesisHash('db', 258)).toEqual(createHash('sha256').update('astradb\x01\x02').digest());
  });

  it('gives these very bytes, for whoever verifies in another language', () => {
    const genesis = genesisHash('8d5f1a0e-0000-4000-8000-000000000000', 3);
    expect(genesis.toString('hex')).toBe('eb4f3ff0a4515d79212f85574b23ac1b4955790e85a2da5b32f66302350a1da5');
    const first = {
      ...event,
      seq: seq(1),
      epoch: epoch(1),
      commitSeq: seq(1),
      actorKey: Buffer.from('0190aabbccdd70008000000000000001', 'hex'),
      version: 1,
    };
    expect(eventHash(genesis, first).toString('hex')).toBe(
      '483d2b5bdee53ff4075a23911fb60f24bfa7624630d6e5f687f411c8ae78d8fc',
    );
  });

  it('changes with every field', () => {
    const previous = genesisHash('db', 3);
    const base = eventHash(previous, event).toString('hex');
    const changes = [
      { shard: shard(4) },
      { seq: seq(1) },
      { epoch: epoch(8) },
      { commitSeq: seq(9) },
      { org: 'other' },
      { actorType: 'task' },
      { actorKey: Buffer.alloc(16) },
      { version: 6 },
      { type: 'GoalActivated' },
      { schema: 2 },
      { at: micros(1) },
      { body: Buffer.from('81', 'hex') },
    ];
    const hashes = new Set([
      base,
      ...changes.map((change) => eventHash(previous, { ...event, ...change }).toString('hex')),
    ]);
    expect(hashes.size).toBe(changes.length + 1);
    expect(eventHash(genesisHash('db', 4), event).toString('hex')).not.toBe(base);
  });

  it('takes bodies beyond its scratch buffer', () => {
    const large = { ...event, body: Buffer.alloc(100_000, 7) };
    expect(eventHash(genesisHash('db', 3), large)).toEqual(eventHash(genesisHash('db', 3), { ...large }));
  });
});
