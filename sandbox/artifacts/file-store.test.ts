import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SystemRandom } from '../../kernel/random.ts';
import { artifactStoreContract } from '../artifacts.contract.ts';
import { fileArtifactStore } from './file-store.ts';
import { memoryArtifactStore } from './memory-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'astra-artifacts-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(directory, `store-${++count}`);

artifactStoreContract('file system', async () => fileArtifactStore(fresh(), new SystemRandom()));
artifactStoreContract('memory', async () => memoryArtifactStore());

describe('artifacts as files', () => {
  test('are for their owner alone, and nothing half-written stays', async () => {
    const root = fresh();
    const store = fileArtifactStore(root, new SystemRandom());
    const { sha256 } = await store.put('one', Buffer.from('mine'));
    await store.put('one', Buffer.from('too much'), { bytesMax: 3 }).catch(() => undefined);
    const folder = join(root, 'one', sha256.slice(0, 2));
    expect(statSync(join(folder, sha256)).mode & 0o777).toBe(0o600);
    for (const path of [join(root, 'one'), folder]) expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(root, 'one', 'incoming'))).toEqual([]);
  });

  test('an org is never more than one part of a path', async () => {
    const store = fileArtifactStore(fresh(), new SystemRandom());
    for (const org of ['..', 'a/b', '', 'A', '.'])
      await expect(store.put(org, Buffer.from('x'))).rejects.toThrow(expect.objectContaining({ code: 'org_invalid' }));
  });

  test('a store that cannot be written is unavailable, and says so', async () => {
    const file = fresh();
    writeFileSync(file, 'a file where a directory should be');
    const store = fileArtifactStore(file, new SystemRandom());
    await expect(store.put('one', Buffer.from('x'))).rejects.toThrow(
      expect.objectContaining({ code: 'artifacts_unavailable', kind: 'unavailable' }),
    );
  });
});
