import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ArtifactStore } from './artifacts.ts';

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

async function read(store: ArtifactStore, org: string, hash: string, range?: { start: number; end: number }) {
  const found = await store.get(org, hash, range);
  if (!found) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of found.content) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString('utf8');
}

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** What every artifact store does (artifacts.ts). */
export function artifactStoreContract(name: string, open: () => Promise<ArtifactStore>): void {
  describe(`artifact store contract: ${name}`, () => {
    test('gives back what was put, by its hash', async () => {
      const store = await open();
      const stored = await store.put('one', Buffer.from('hello'));
      expect(stored).toEqual({ sha256: sha256('hello'), size: 5 });
      expect(await read(store, 'one', stored.sha256)).toBe('hello');
      expect(await store.stat('one', stored.sha256)).toEqual({ size: 5 });
    });

    test('takes a stream, and bytes beyond one chunk', async () => {
      const store = await open();
      const stored = await store.put('one', pieces('a', '', 'bc', 'def'));
      expect(stored).toEqual({ sha256: sha256('abcdef'), size: 6 });
      expect(await read(store, 'one', stored.sha256)).toBe('abcdef');
      const large = Buffer.alloc(3 * 1024 * 1024 + 17, 'x');
      const kept = await store.put('one', large);
      expect(kept).toEqual({ sha256: sha256(large), size: large.length });
      expect((await read(store, 'one', kept.sha256))?.length).toBe(large.length);
    });

    test('keeps the empty artifact', async () => {
      const store = await open();
      const stored = await store.put('one', new Uint8Array());
      expect(stored.size).toBe(0);
      expect(await read(store, 'one', stored.sha256)).toBe('');
    });

    test('the same bytes may be put again, also at once', async () => {
      const store = await open();
      const stored = await Promise.all([1, 2, 3, 4].map(() => store.put('one', Buffer.from('same'))));
      expect(new Set(stored.map((one) => one.sha256)).size).toBe(1);
      expect(await read(store, 'one', sha256('same'))).toBe('same');
    });

    test('reads a range, both ends included', async () => {
      const store = await open();
      const { sha256: hash } = await store.put('one', Buffer.from('0123456789'));
      expect(await read(store, 'one', hash, { start: 2, end: 4 })).toBe('234');
      expect(await read(store, 'one', hash, { start: 9, end: 9 })).toBe('9');
      const large = Buffer.concat([Buffer.alloc(1024 * 1024 - 2, 'a'), Buffer.from('bcdef')]);
      const kept = await store.put('one', large);
      expect(await read(store, 'one', kept.sha256, { start: 1024 * 1024 - 3, end: 1024 * 1024 })).toBe('abcd');
    });

    test('I10: an org sees nothing of another', async () => {
      const store = await open();
      const { sha256: hash } = await store.put('one', Buffer.from('secret'));
      expect(await store.stat('two', hash)).toBeUndefined();
      expect(await store.get('two', hash)).toBeUndefined();
      await store.put('two', Buffer.from('secret'));
      expect(await read(store, 'two', hash)).toBe('secret');
    });

    test('refuses more than it may hold, and keeps nothing of it', async () => {
      const store = await open();
      await expect(store.put('one', pieces('12345', '67890'), { bytesMax: 9 })).rejects.toThrow(
        expect.objectContaining({ code: 'artifact_too_large', kind: 'rejected' }),
      );
      expect(await store.stat('one', sha256('1234567890'))).toBeUndefined();
      expect(await store.put('one', pieces('12345', '67890'), { bytesMax: 10 })).toMatchObject({ size: 10 });
    });

    test('keeps nothing of a stream that breaks off', async () => {
      const store = await open();
      async function* broken() {
        yield Buffer.from('begun');
        throw new Error('broken off');
      }
      await expect(store.put('one', broken())).rejects.toThrow('broken off');
      expect(await store.stat('one', sha256('begun'))).toBeUndefined();
    });

    test('knows nothing by what is no hash', async () => {
      const store = await open();
      for (const hash of ['', '../one', 'A'.repeat(64), 'a'.repeat(63), `${'a'.repeat(64)}/..`]) {
        expect(await store.stat('one', hash)).toBeUndefined();
        expect(await store.get('one', hash)).toBeUndefined();
      }
    });
  });
}
