import { behaviors } from '../../actors/index.ts';
import { startGateway } from '../../gateway/index.ts';
import { SystemClock, wallMs } from '../../kernel/clock.ts';
import { timeId } from '../../kernel/ids.ts';
import { openGatewayLink } from '../../kernel/nats/index.ts';
import { openPostgresLog, openPostgresStore } from '../../kernel/postgres/index.ts';
import { SystemRandom } from '../../kernel/random.ts';
import { Registry } from '../../kernel/registry.ts';
import { startProjections } from '../../projections/index.ts';
import type { Config } from '../config.ts';
import { databaseUrlOf, natsOptions, openArtifacts, stopAll } from './connections.ts';
import type { RoleLogger } from './role-logger.ts';
import type { StartedRole } from './role-process.ts';

/** One gateway: follows the log into memory, and answers HTTP from there. */
export async function startGatewayRole(config: Config, logger: RoleLogger): Promise<StartedRole> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const registry = new Registry(behaviors);
  const databaseUrl = databaseUrlOf(config, 'gateway');
  const log = await openPostgresLog(databaseUrl, 'astra-gateway');
  const { shards, now } = await log.meta();
  clock.anchor(now, clock.monotonicMs());
  const link = await openGatewayLink(
    natsOptions(config, 'gateway'),
    { shards, ids: (type) => registry.ids(type), client: timeId('gw', wallMs(), random.bytes(10)) },
    (message, cause) => logger.warn({ cause: String(cause) }, message),
  );
  const store = openPostgresStore(databaseUrl, 'astra-gateway-store');
  const artifacts = openArtifacts(config, 'gateway', random);
  const projections = startProjections({
    log,
    tail: link.tail,
    clock,
    shapes: registry,
    onProblem: ({ code, detail, shard }) => logger.warn({ code, shard }, detail),
    onProgress: ({ scanned, applied }) => logger.info({ scanned, applied }, 'reading the log'),
  });
  const gateway = await startGateway({
    host: config.host,
    port: config.port,
    projections,
    commands: link.commands,
    keys: store.apiKeys,
    artifacts,
    output: link.taskOutput,
    probes: { postgres: () => store.ping() },
    clock,
    random,
    log: logger,
  });
  logger.info({ host: config.host, port: gateway.port }, 'gateway listens');
  return {
    details: { port: gateway.port },
    stop: stopAll([
      () => gateway.stop(),
      () => projections.stop(),
      () => link.close(),
      () => artifacts.close(),
      () => store.close(),
      () => log.close(),
    ]),
  };
}
