import { describe, expect, it } from 'vitest';
import { shard } from '../../kernel/brand.ts';
import type { CommitPart } from '../../kernel/log.ts';
import { LaneCheck } from './lane-check.ts';
import { MailboxCheck } from './mailbox-check.ts';
import { Time } from './time.ts';

const at = shard(0);

function lane() {
  const time = new Time();
  const found: string[] = [];
  const check = new LaneCheck(time, new MailboxCheck(), (_invariant, detail) => void found.push(detail));
  const pass = async (ms: number): Promise<void> => {
    time.after(ms, () => {});
    for (const end = time.nowMs + ms; time.nowMs < end; ) await time.step();
  };
  check.put(at, 1, 'reply');
  check.committed({ shard: at, lane: { generation: 'g', sequence: 1, time: '0' } } as unknown as CommitPart);
  return { check, found, pass };
}

describe('the check of lanes', () => {
  it('finds a message that was passed and is not answered (I3)', async () => {
    const { found, pass } = lane();
    await pass(3000);
    expect(found).toHaveLength(1);
  });

  it('waits for the answer of who does not know yet what the commit has come to, and no longer', async () => {
    const settled = lane();
    const silent = lane();
    for (const { check, found, pass } of [settled, silent]) {
      for (let i = 0; i < 5; i++) {
        check.settling();
        await pass(1000);
      }
      expect(found).toEqual([]);
    }
    settled.check.answered('reply');
    for (const { pass } of [settled, silent]) await pass(5000);
    expect(settled.found).toEqual([]);
    expect(silent.found).toHaveLength(1);
  });
});
