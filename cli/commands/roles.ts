import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { examples, type Host, runs } from '../program.ts';
import type { RoleLogger } from '../roles/role-logger.ts';
import type { StartedRole } from '../roles/role-process.ts';
import type { SettingName } from '../settings.ts';

type StartRole = (config: Config, logger: RoleLogger) => Promise<StartedRole>;

interface Role {
  readonly name: string;
  readonly description: string;
  readonly settings: readonly SettingName[];
  /** Loaded when it is run: a worker needs no HTTP server in its process. */
  readonly load: () => Promise<StartRole>;
  readonly example: string;
}

const roles: readonly Role[] = [
  {
    name: 'kernel',
    description: 'run one kernel: owns its share of the shards, decides commands, commits events',
    settings: ['databaseUrl', 'natsUrl', 'dataDir', 'logLevel'],
    load: async () => (await import('../roles/kernel.ts')).startKernelRole,
    example: 'astra kernel --database-url postgres://… --nats-url nats://…',
  },
  {
    name: 'gateway',
    description: 'run one gateway: HTTP, answered from memory',
    settings: ['host', 'port', 'databaseUrl', 'natsUrl', 'artifacts', 'dataDir', 'logLevel'],
    load: async () => (await import('../roles/gateway.ts')).startGatewayRole,
    example: 'astra gateway --port 8080 --database-url postgres://… --nats-url nats://…',
  },
  {
    name: 'worker',
    description: 'run one worker: takes tasks and runs them in a sandbox',
    settings: [
      'org',
      'slots',
      'pools',
      'allowDriver',
      'workerName',
      'artifacts',
      'databaseUrl',
      'natsUrl',
      'dataDir',
      'logLevel',
    ],
    load: async () => (await import('../roles/worker.ts')).startWorkerRole,
    example: 'astra worker --pools default,gpu --slots 8 --nats-url nats://…',
  },
];

/** The roles as processes of their own, as `astra up` starts them and as deployments do. */
export function roleCommands(program: Command, host: Host): void {
  for (const { name, description, settings, load, example } of roles) {
    const command = program.command(name).description(description);
    examples(command, example);
    runs(command, host, settings, async ({ config }) => {
      const { roleLogger } = await import('../roles/role-logger.ts');
      const { runRole } = await import('../roles/role-process.ts');
      const logger = roleLogger(name, config.logLevel);
      await runRole({ logger, start: async () => (await load())(config, logger) });
    });
  }
}
