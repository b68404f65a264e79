import type { SubjectKey } from '../log.ts';
import type { Random } from '../random.ts';
import type { ReadPool } from './connection.ts';

const kidBytes = 12;
const keyBytes = 32;

/**
 * The keys of these subjects, made where they are missing. When two make one at once, the insert of the second waits for the
 * first and does nothing, and both read the first's.
 */
export async function subjectKeys(
  pool: ReadPool,
  random: Random,
  org: string,
  subjects: readonly string[],
): Promise<ReadonlyMap<string, SubjectKey>> {
  if (subjects.length === 0) return new Map();
  const find = async (): Promise<Map<string, SubjectKey>> => {
    const rows = await pool.rows<SubjectKey & { subject: string }>(
      'select subject, kid, key from subject_keys where org = $1 and subject = any($2)',
      [org, subjects],
    );
    return new Map(rows.map(({ subject, kid, key }) => [subject, { kid, key }]));
  };
  const found = await find();
  const missing = [...new Set(subjects)].filter((subject) => !found.has(subject)).sort();
  if (missing.length === 0) return found;
  await pool.rows(
    `insert into subject_keys (org, subject, kid, key) select $1, * from unnest($2::text[], $3::text[], $4::bytea[])
     on conflict (org, subject) do nothing`,
    [
      org,
      missing,
      missing.map(() => random.bytes(kidBytes).toString('hex')),
      missing.map(() => random.bytes(keyBytes)),
    ],
  );
  return find();
}

/** Keys by id; an erased one is absent. */
export async function keysById(pool: ReadPool, kids: readonly string[]): Promise<ReadonlyMap<string, SubjectKey>> {
  if (kids.length === 0) return new Map();
  const rows = await pool.rows<SubjectKey>('select kid, key from subject_keys where kid = any($1)', [kids]);
  return new Map(rows.map(({ kid, key }) => [kid, { kid, key }]));
}
