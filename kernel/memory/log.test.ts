import { describe } from 'vitest';
import { SystemClock } from '../clock.ts';
import { SystemRandom } from '../random.ts';
import { logContract } from '../testing/log.contract.ts';
import { MemoryLog } from './log.ts';

describe('the log in memory', () => {
  logContract(async () => {
    const log = new MemoryLog(new SystemClock(), new SystemRandom());
    return { log, another: async () => log, end: () => log.close() };
  });
});
