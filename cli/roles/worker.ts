import { hostname } from 'node:os';
import { join } from 'node:path';
import { behaviors } from '../../actors/index.ts';
import { SystemClock, wallMs } from '../../kernel/clock.ts';
import { derivedId, timeId } from '../../kernel/ids.ts';
import { openWorkerLink } from '../../kernel/nats/index.ts';
import { SystemRandom } from '../../kernel/random.ts';
import { Registry } from '../../kernel/registry.ts';
import { processDriver, type RunningWorker, startWorker, threadDriver } from '../../sandbox/index.ts';
import { workerDrainMs } from '../bounds.ts';
import { astraVersion } from '../commands/version.ts';
import type { Config } from '../config.ts';
import { dataPaths } from '../data-directory.ts';
import { natsOptions, openArtifacts, stopAll } from './connections.ts';
import type { RoleLogger } from './role-logger.ts';
import type { StartedRole } from './role-process.ts';
import { shardsOf } from './shards.ts';

/** One worker: pulls tasks over NATS and runs them with the drivers that the configuration allows. */
export async function startWorkerRole(config: Config, logger: RoleLogger): Promise<StartedRole> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const { org, pools, slots, allowDriver, workerName } = config;
  const workerId =
    workerName === undefined ? timeId('wk', wallMs(), random.bytes(10)) : derivedId('wk', org, 'worker', workerName);
  const workerIds = new Registry(behaviors).ids('worker');
  if (!workerIds) throw new Error('expected a behavior of workers, found none');
  const link = await openWorkerLink(natsOptions(config, 'worker'), {
    shards: await shardsOf(config),
    workerIds,
    org,
    client: workerId,
  });
  const artifacts = openArtifacts(config, 'worker', random);
  const worker = await startWorker({
    link,
    org,
    workerId,
    pools,
    slots,
    drivers: [
      ...(allowDriver.includes('process')
        ? [processDriver({ allowed: allowDriver, root: join(dataPaths(config.dataDir).work, workerId), clock, random })]
        : []),
      ...(allowDriver.includes('thread') ? [threadDriver({ threads: slots, clock })] : []),
    ],
    artifacts,
    network: { allowPrivate: config.allowPrivate },
    log: logger,
    clock,
    random,
    host: hostname(),
    version: astraVersion,
  });
  await worker.registered;
  logger.info({ workerId, slots, pools, drivers: allowDriver }, 'worker is registered');
  return {
    details: { workerId },
    ...endsOf(worker),
    stop: stopAll([
      () => worker.stop({ graceMs: workerDrainMs, reason: 'its process stops' }),
      () => link.close(),
      () => artifacts.close(),
    ]),
  };
}

/** A worker that was drained has done what it was to; one that left otherwise cannot go on. */
function endsOf(worker: RunningWorker): Required<Pick<StartedRole, 'broken' | 'done'>> {
  const broken = Promise.withResolvers<Error>();
  const done = Promise.withResolvers<string>();
  void worker.left.then(() => {
    if (worker.hasDrained) done.resolve('the worker is drained');
    else broken.resolve(new Error('the worker has left'));
  });
  return { broken: broken.promise, done: done.promise };
}
