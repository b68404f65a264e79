import { outputBytesDefault } from '../bounds.ts';
import type { Outcome } from '../driver.ts';
import type { TaskLimits } from '../limits.ts';
import { TaskFailure } from '../task-failure.ts';

/** The failure of a job that did not end by itself; undefined when it did. */
export function outcomeFailure(outcome: Outcome, timeoutMs: number, limits: TaskLimits): TaskFailure | undefined {
  switch (outcome.reason) {
    case 'exit':
      return undefined;
    case 'timeout':
      return new TaskFailure('timeout', `The attempt took longer than its ${timeoutMs} ms.`);
    case 'oom':
      return new TaskFailure(
        'oom',
        `The attempt used more than its ${limits.memoryBytes ?? 'default'} bytes of memory.`,
      );
    case 'pids':
      return new TaskFailure('pids', `The attempt started more than its ${limits.pids ?? 'default'} processes.`);
    case 'disk':
      return new TaskFailure(
        'disk',
        `The attempt wrote more than its ${limits.diskBytes ?? 'default'} bytes of files.`,
      );
    case 'output':
      return new TaskFailure(
        'output',
        `The attempt wrote more than its ${limits.outputBytes ?? outputBytesDefault} bytes of output.`,
      );
    case 'cancelled':
      return new TaskFailure('cancelled', 'The attempt was stopped.');
    case 'lost':
      return new TaskFailure(
        'sandbox_lost',
        `The sandbox did not start, or vanished: ${outcome.error?.message ?? 'no reason given'}.`,
      );
  }
}
