import { createHash } from 'node:crypto';
import { nameId } from '../../../actors/index.ts';
import { type Address, keyBytes } from '../../../kernel/address.ts';
import { recordedBodyBytesMax } from '../../../kernel/bounds.ts';
import { unpack } from '../../../kernel/codec.ts';
import { pinnedId } from '../../../kernel/decide-context.ts';
import type { StoredEvent } from '../../../kernel/event.ts';
import { eventHash, genesisHash, hashFormat } from '../../../kernel/hash.ts';
import { derivedId, timeId } from '../../../kernel/ids.ts';
import { blocks, bytesText, code, details, fence, json, list, table } from '../markdown.ts';
import { registry, shards } from './run.ts';
import type { Scene } from './scene.ts';

/** What the log in memory calls itself: the genesis of its shards. */
const databaseId = 'memory';

export function vectorsSection(scene: Scene): string {
  return blocks(
    '## Test vectors',
    'Computed by the code, for whoever writes the same in another language.',
    ...idBlocks(),
    ...shardBlocks(),
    ...hashBlocks(scene.stored),
  );
}

function idBlocks(): readonly string[] {
  const entropy = Buffer.from('00112233445566778899', 'hex');
  const ms = Date.parse('2026-01-01T00:00:00.000Z');
  const derived: readonly (readonly [string, readonly string[]])[] = [
    ['gl', ['default', 'POST /v1/goals', 'my-key']],
    ['gl', ['default', 'goal.submit', 'my-key']],
    ['ag', ['acme', 'agent.spawn', 'spawn-1']],
    ['wk', ['default', 'worker', 'worker-1']],
  ];
  const names: readonly (readonly [string, string])[] = [
    ['default', 'researcher'],
    ['default', 'ReSearcher'],
    ['acme', 'researcher'],
    ['default', 'Änne'],
  ];
  return [
    '### Ids',
    'Sixteen bytes as 26 characters of lower-case Crockford base32 (`0123456789abcdefghjkmnpqrstvwxyz`), big endian, the first of which is 0 to 7, behind a prefix and an underscore.',
    list([
      `New ones are UUIDv7: ${code(new Date(ms).toISOString())} and the entropy ${code(entropy.toString('hex'))} give ${code(timeId('gl', ms, entropy))}.`,
      'With an idempotency key they are derived: the first 16 bytes of SHA-256 over the parts with NUL between them, marked as UUIDv8 (version 8 in the high half of byte 6, variant 10 in the high bits of byte 8):',
    ]),
    table(
      ['prefix', 'parts: org, route, key', 'id'],
      derived.map(([prefix, parts]) => [code(prefix), parts.map(code).join(' '), code(derivedId(prefix, ...parts))]),
    ),
    'The route is the method and path, or the verb of the publication. A worker that keeps its name is `worker` and the name.',
    'A name’s actor is derived from org, kind and the name in NFC and lower case:',
    table(
      ['org', 'name of an agent', 'id'],
      names.map(([of, name]) => [code(of), name, code(nameId(of, 'agent', name))]),
    ),
    `A dead letter’s id carries its shard in its first two bytes: shard 41 and fourteen bytes of 07 are ${code(pinnedId('dl', 41 as never, Buffer.alloc(14, 7)))}.`,
  ];
}

function shardBlocks(): readonly string[] {
  const goal = derivedId('gl', 'default', 'POST /v1/goals', 'my-key');
  const addresses: readonly Address[] = [
    { org: 'default', type: 'goal', id: goal },
    { org: 'default', type: 'task', id: `${goal}.fetch` },
    { org: 'acme', type: 'goal', id: goal },
    { org: 'default', type: 'agent', id: derivedId('ag', 'default', 'POST /v1/agents', 'my-key') },
    { org: 'default', type: 'worker', id: derivedId('wk', 'default', 'worker', 'worker-1') },
    { org: 'default', type: 'name', id: nameId('default', 'agent', 'researcher') },
    { org: 'default', type: 'dead-letter', id: pinnedId('dl', 41 as never, Buffer.alloc(14, 7)) },
  ];
  return [
    '### Shards',
    `The shard of an actor is the first four bytes, big endian, of SHA-256(org ‖ 00 ‖ ${code('<type>/<id>')}), modulo the number of shards (${shards}, fixed in table ${code('meta')}). A task lives where its goal lives.`,
    table(
      ['org', 'actor', 'hashed behind the org', 'first four bytes', 'shard'],
      addresses.map((address) => [code(address.org), `${address.type} ${code(address.id)}`, ...placed(address)]),
    ),
  ];
}

function placed(address: Address): readonly string[] {
  const shard = String(registry.shardOf(address, shards));
  if (registry.ids(address.type)?.pinned)
    return ['pinned: its first two bytes', code(keyBytes(address.id).toString('hex', 0, 2)), shard];
  const type = registry.ids(address.type)?.placedAs ?? address.type;
  const key = `${type}/${address.id.split('.')[0]}`;
  const digest = createHash('sha256').update(`${address.org}\0${key}`).digest();
  if (String(digest.readUInt32BE(0) % shards) !== shard) throw new Error(`expected ${address.id} on shard ${shard}`);
  return [code(key), code(digest.toString('hex', 0, 4)), shard];
}

function hashBlocks(stored: readonly StoredEvent[]): readonly string[] {
  const [first] = stored as readonly [StoredEvent];
  let hash = genesisHash(databaseId, first.shard);
  const rows = stored.map((event) => {
    hash = eventHash(hash, event);
    if (!hash.equals(event.hash)) throw new Error(`expected the chain of the example to hold at ${event.seq}`);
    return [
      String(event.seq),
      String(event.commitSeq),
      String(event.at),
      String(event.version),
      code(event.type),
      code(hash.toString('hex')),
    ];
  });
  return [
    '### Hash chain',
    fence(
      `hash = SHA-256( previous hash, 32 bytes
              ‖ u16 format = ${hashFormat} ‖ u16 shard ‖ u64 seq ‖ u32 epoch ‖ u64 commit_seq
              ‖ u64 at in microseconds ‖ u32 version ‖ u16 schema
              ‖ for each of org, actor type, actor key, event type, body: u32 length ‖ bytes )`,
    ),
    `All big endian; names in UTF-8, the body as stored. The key of an actor is the 16 bytes of its id, for a task followed by its key in UTF-8. The first previous hash of a shard is SHA-256("astra" ‖ database id ‖ u16 shard): for the database ${code(databaseId)} and shard ${first.shard} it is ${code(genesisHash(databaseId, first.shard).toString('hex'))}.`,
    `The log of the example’s goal: shard ${first.shard}, epoch ${first.epoch}, org ${code(first.org)}, schema 1; the goal’s key is ${code(first.actorKey.toString('hex'))}.`,
    table(['seq', 'commit_seq', 'at', 'version', 'type', 'hash'], rows),
    details('Actor keys and bodies in hex', fence(stored.map(hexLine).join('\n'))),
    'A body is one msgpack map with text keys. The one of event 4, and what its keys mean:',
    json(unpack((stored[3] as StoredEvent).body)),
    table(
      ['key', 'meaning'],
      [
        ['`data`', 'the facts'],
        ['`id`, `by`, `corr`, `cause`, `trace`', 'command id, principal, correlation, causation, trace context'],
        [
          '`verb`, `body`',
          `of the command, with the first event of a decision; \`same: true\` when the body is \`data\`, \`sha256\` (hex) when it is larger than ${bytesText(recordedBodyBytesMax)}`,
        ],
        ['`effects`', 'messages to other shards, each `[shard, n, envelope]`'],
        [
          '`sealed`',
          'personal fields of `data`, and the command’s body: `{ kid, nonce, ct }`, AES-256-GCM over msgpack, the tag at the end of `ct`',
        ],
      ],
    ),
  ];
}

const hexLine = ({ seq, actorKey, body }: StoredEvent): string =>
  `${seq} key ${actorKey.toString('hex')}\n  body ${body.toString('hex')}`;
