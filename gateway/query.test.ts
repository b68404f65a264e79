import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AstraError } from '../kernel/errors.ts';
import { listQuery } from './list-query.ts';
import { readQuery } from './query.ts';

const schema = listQuery({ name: z.string().min(1).optional() });

function faultsOf(query: string): Readonly<Record<string, string>> {
  try {
    readQuery(schema, query);
  } catch (error) {
    const { code, errors = [] } = error as AstraError;
    expect(code).toBe('invalid_input');
    return Object.fromEntries(errors.map(({ pointer, message }) => [pointer, message]));
  }
  return {};
}

describe('a query', () => {
  it('is read with its escapes, and has defaults', () => {
    expect(readQuery(schema, '')).toEqual({ limit: 50 });
    expect(readQuery(schema, 'limit=500&name=a%20b+c%26&cursor=x')).toEqual({
      limit: 500,
      name: 'a b c&',
      cursor: 'x',
    });
  });

  it('is refused with every fault named', () => {
    expect(faultsOf('limit=0&name=&what=1&other=2')).toEqual({
      '/limit': 'expected a whole number from 1 to 500',
      '/name': expect.any(String),
      '/what': 'unknown parameter',
      '/other': 'unknown parameter',
    });
    expect(faultsOf('name=a&name=b')).toEqual({ '/name': 'expected it once' });
    expect(faultsOf('name=a%00b')).toEqual({ '/name': 'expected no control characters' });
    for (const limit of ['1.0', '501', '+1', '', '１'])
      expect(Object.keys(faultsOf(`limit=${limit}`))).toEqual(['/limit']);
  });

  it('has no parameter by the names that objects have', () => {
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect(faultsOf(`${name}=1`)).toEqual({ [`/${name}`]: 'unknown parameter' });
  });
});
