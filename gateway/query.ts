import type { z } from 'zod';
import type { Fault } from '../kernel/errors.ts';
import { invalid } from './problems.ts';

const control = /\p{Cc}/u;

/** Query parameters by a schema. Throws `invalid_input` naming every fault: unknown, doubled, malformed. */
export function readQuery<T>(schema: z.ZodType<T>, query: string): T {
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  const faults: Fault[] = [];
  if (query !== '')
    for (const [name, value] of new URLSearchParams(query)) {
      if (name in values) faults.push({ pointer: `/${name}`, message: 'expected it once' });
      else if (control.test(value)) faults.push({ pointer: `/${name}`, message: 'expected no control characters' });
      values[name] = value;
    }
  const result = schema.safeParse({ ...values });
  if (!result.success)
    for (const issue of result.error.issues)
      if (issue.code === 'unrecognized_keys')
        for (const name of issue.keys) faults.push({ pointer: `/${name}`, message: 'unknown parameter' });
      else faults.push({ pointer: `/${issue.path.join('/')}`, message: issue.message });
  if (faults.length > 0 || !result.success) throw invalid(faults, 'the query');
  return result.data;
}
