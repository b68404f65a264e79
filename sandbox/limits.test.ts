import { describe, expect, test } from 'vitest';
import { unenforceable } from './limits.ts';

describe('unenforceable', () => {
  test('names each limit that nothing holds', () => {
    expect(
      unenforceable({ memoryBytes: 1, cpus: 1, pids: 1, diskBytes: 1, outputBytes: 1, network: 'none' }, {}),
    ).toEqual(['memoryBytes', 'cpus', 'pids', 'diskBytes', 'outputBytes', 'network=none']);
  });

  test('what is not asked for need not be held', () => {
    expect(unenforceable({}, {})).toEqual([]);
    expect(
      unenforceable({ memoryBytes: 1, network: 'full' }, { memoryBytes: 'cgroup', network: { full: 'open' } }),
    ).toEqual([]);
    expect(unenforceable({ network: 'allowlist' }, { network: { none: 'namespace', full: 'open' } })).toEqual([
      'network=allowlist',
    ]);
  });
});
