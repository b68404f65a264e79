import { accept, type Behavior } from '../kernel/behavior.ts';
import { SystemClock } from '../kernel/clock.ts';
import { startKernel } from '../kernel/kernel.ts';
import { openNatsBus } from '../kernel/nats/index.ts';
import { openPostgresLog } from '../kernel/postgres/index.ts';
import { SystemRandom } from '../kernel/random.ts';
import { type Box, box, testBehaviors } from '../kernel/testing/behaviors.ts';

/**
 * A kernel in a process of its own, for the test beside it: `node killed-kernel.ts <database> <NATS> <subject root> <stream
 * prefix>`. Its boxes kill the process when they are asked to `kill`.
 */
const [databaseUrl = '', url = '', subjectRoot = '', streamPrefix = ''] = process.argv.slice(2);

const behaviors = testBehaviors.map((behavior) =>
  behavior.type === 'box'
    ? ({
        ...box,
        decide: (state: Box | undefined, verb, body, context) => {
          if (verb !== 'kill') return box.decide(state, verb, body, context);
          process.kill(process.pid, 'SIGKILL');
          return accept([]);
        },
      } as Behavior<Box> as Behavior)
    : behavior,
);

const unused = (): never => {
  throw new Error('nothing is published here');
};

// It ends with the test, however that ends.
process.stdin.on('end', () => process.exit()).resume();

await startKernel({
  log: await openPostgresLog(databaseUrl, 'killed'),
  bus: await openNatsBus({ url, name: 'killed', subjectRoot, streamPrefix }, () => {}),
  clock: new SystemClock(),
  random: new SystemRandom(),
  logger: { info: () => {}, warn: () => {}, error: console.error },
  behaviors,
  translate: unused,
  parkPublication: unused,
  idempotencyDays: 7,
  eventsFor: () => false,
  onDefect: (error) => {
    throw error;
  },
});
