import { epoch, micros, seq, shard } from '../brand.ts';
import { AstraError } from '../errors.ts';
import type { StoredEvent } from '../event.ts';
import { readBytes, readIntegers } from './binary-array.ts';
import { readPageBytes } from './bounds.ts';
import type { Dictionary, Queryable } from './dictionary.ts';

/**
 * Events leave Postgres as columns too: one row with an array for each column in its binary form, which `pg` hands over as
 * one bytea. That spares it twelve values a row: 5 to 10 times the events/s of plain rows.
 */
const columns = [
  'shard',
  'seq',
  'epoch',
  'commit_seq',
  'org',
  'actor',
  'version',
  'type',
  'schema',
  'at',
  'body',
  'hash',
];

/** Wraps a query for rows of `events`, which has to be in order, into one for a page. */
export const pageOf = (query: string): string =>
  `select ${columns.map((name) => `array_send(array_agg(e.${name})) as ${name}`).join(', ')} from (${query}) e`;

/**
 * The same, ending where the bodies become too many bytes: their sizes are known without fetching them. The first event is
 * always in it.
 */
export const boundedPageOf = (query: string): string =>
  pageOf(
    `select * from (
       select q.*, sum(octet_length(q.body)) over (rows unbounded preceding) - octet_length(q.body) as bytes_before
       from (${query}) q
     ) b where b.bytes_before < ${readPageBytes}`,
  );

/** Whether a {@link boundedPageOf} may have ended for its size. */
export const isFull = (page: readonly StoredEvent[]): boolean =>
  page.reduce((bytes, { body }) => bytes + body.length, 0) >= readPageBytes;

/** The answer to {@link pageOf}: nulls when there was no event. */
export type EventPage = Readonly<Record<string, Buffer | null>>;

/** The events of a page. Names of codes given since the dictionary was read are fetched once. Throws `corrupt`. */
export async function eventsOf(
  page: EventPage | undefined,
  dictionary: Dictionary,
  store: Queryable,
): Promise<readonly StoredEvent[]> {
  if (!page?.['seq']) return [];
  const integers = (name: string): number[] => readIntegers(page[name] as Buffer);
  const bytes = (name: string): Buffer[] => readBytes(page[name] as Buffer);
  const [shards, seqs, epochs, commitSeqs] = [
    integers('shard'),
    integers('seq'),
    integers('epoch'),
    integers('commit_seq'),
  ];
  const [orgs, types, versions, schemas, ats] = [
    integers('org'),
    integers('type'),
    integers('version'),
    integers('schema'),
    integers('at'),
  ];
  const [actors, bodies, hashes] = [bytes('actor'), bytes('body'), bytes('hash')];
  const events = new Array<StoredEvent>(seqs.length);
  for (let i = 0; i < seqs.length; i++) {
    const org = orgs[i] as number;
    const type = types[i] as number;
    let names = dictionary.namesOf(org, type);
    if (!names) {
      await dictionary.load(store);
      names = dictionary.namesOf(org, type);
    }
    if (!names)
      throw new AstraError(
        'corrupt',
        'unknown_code',
        `event ${shards[i]}:${seqs[i]} has org code ${org} and type code ${type}, which are in no dictionary`,
      );
    events[i] = {
      shard: shard(shards[i] as number),
      seq: seq(seqs[i] as number),
      epoch: epoch(epochs[i] as number),
      commitSeq: seq(commitSeqs[i] as number),
      org: names.org,
      actorType: names.actorType,
      actorKey: actors[i] as Buffer,
      version: versions[i] as number,
      type: names.type,
      schema: schemas[i] as number,
      at: micros(ats[i] as number),
      body: bodies[i] as Buffer,
      hash: hashes[i] as Buffer,
    };
  }
  return events;
}
