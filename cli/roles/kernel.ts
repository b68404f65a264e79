import { behaviors, parkPublication, translatePublication } from '../../actors/index.ts';
import { micros } from '../../kernel/brand.ts';
import { SystemClock } from '../../kernel/clock.ts';
import { timeId } from '../../kernel/ids.ts';
import { startKernel } from '../../kernel/kernel.ts';
import { openNatsBus } from '../../kernel/nats/index.ts';
import { migrate, openPostgresLog } from '../../kernel/postgres/index.ts';
import { SystemRandom } from '../../kernel/random.ts';
import type { Config } from '../config.ts';
import { databaseUrlOf, natsOptions, stopAll } from './connections.ts';
import type { RoleLogger } from './role-logger.ts';
import type { StartedRole } from './role-process.ts';

/** One kernel: brings the database up to date, owns shards of it, takes their lanes from NATS, and commits. */
export async function startKernelRole(config: Config, logger: RoleLogger): Promise<StartedRole> {
  const databaseUrl = databaseUrlOf(config, 'kernel');
  const migrations = await migrate(databaseUrl);
  if (migrations.length > 0) logger.info({ migrations }, 'brought the database up to date');
  const log = await openPostgresLog(databaseUrl, 'astra-kernel');
  const bus = await openNatsBus(natsOptions(config, 'kernel'), (message, cause) =>
    logger.warn({ cause: String(cause) }, message),
  );
  const random = new SystemRandom();
  let broke: (error: Error) => void = () => {};
  const broken = new Promise<Error>((resolve) => {
    broke = resolve;
  });
  const kernel = await startKernel({
    log,
    bus,
    clock: new SystemClock(),
    random,
    logger,
    behaviors,
    translate: (publication, now) =>
      translatePublication(publication, micros(now), (prefix) =>
        timeId(prefix, Math.floor(now / 1000), random.bytes(10)),
      ),
    parkPublication,
    idempotencyDays: config.idempotencyDays,
    eventsFor: () => true,
    onDefect: (error) => broke(error instanceof Error ? error : new Error(String(error))),
  });
  await Promise.race([kernel.ready, broken]);
  logger.info({ owner: kernel.owner, shards: kernel.stats().shards.length }, 'kernel runs');
  return { broken, stop: stopAll([() => kernel.stop(), () => bus.close(), () => log.close()]) };
}
