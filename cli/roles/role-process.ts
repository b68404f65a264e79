import { roleStopMs } from '../bounds.ts';
import { terminalWishes } from '../config.ts';
import { describeError } from '../describe-error.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import type { RoleLogger } from './role-logger.ts';

/** What a role hands back once it runs. */
export interface StartedRole {
  stop(): Promise<void>;
  /** Told to the supervisor with the word that the role runs. */
  readonly details?: Readonly<Record<string, string | number>>;
  /** Settles when the role cannot go on; the process ends with code 1 and a supervisor starts it again. */
  readonly broken?: Promise<Error>;
  /** Settles when the role has done all that it was to; the process ends with code 0, and a supervisor leaves it at that. */
  readonly done?: Promise<string>;
}

/** From a role to its supervisor. */
export type RoleReport =
  | { readonly type: 'ready'; readonly details: Readonly<Record<string, string | number>> }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: number }
  | { readonly type: 'done'; readonly message: string };

/** From a supervisor to a role. */
export type RoleOrder = { readonly type: 'stop' };

export interface RoleProcessOptions {
  readonly logger: RoleLogger;
  readonly start: () => Promise<StartedRole>;
  /** Grace between the order to stop and the end of the process. */
  readonly stopMs?: number;
}

/**
 * The life of a role's process: starts, says so, and stops once on SIGTERM, SIGINT, the supervisor's order, or the end
 * of the channel to it: when the supervisor is killed, no role outlives it. Never returns; the process exits.
 */
export async function runRole({ logger, start, stopMs = roleStopMs }: RoleProcessOptions): Promise<never> {
  const keepAlive = setInterval(() => {}, 1 << 30);
  const supervised = process.send !== undefined;
  const ordered = new Promise<undefined>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) process.on(signal, () => resolve(undefined));
    process.on('message', (message: RoleOrder) => {
      if (message.type === 'stop') resolve(undefined);
    });
  });
  // A closed pipe to the supervisor is no reason to fall over while stopping.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  const die = async (error: unknown): Promise<never> => {
    const message = describeError(error, terminalWishes().debug);
    logger.error({ code: (error as { code?: string }).code }, message);
    if (!supervised) process.stderr.write(`astra: ${message}\n`);
    await report({ type: 'failed', message, exitCode: exitCodeOf(error) });
    process.exit(exitCodeOf(error));
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);

  // From the order to stop, also while the role is still starting.
  const limitStop = () =>
    setTimeout(() => {
      logger.error({ stopMs }, 'did not stop in time');
      process.exit(exitCode.failed);
    }, stopMs);
  ordered.then(limitStop);
  let reason: Error | undefined;
  try {
    const role = await start();
    await report({ type: 'ready', details: role.details ?? {} });
    const done = role.done?.then(async (message) => {
      logger.info({}, message);
      await report({ type: 'done', message });
      return undefined;
    });
    reason = await Promise.race([ordered, ...(role.broken ? [role.broken] : []), ...(done ? [done] : [])]);
    if (reason) {
      logger.error({}, reason.message);
      limitStop();
    }
    await role.stop();
  } catch (error) {
    return die(error);
  }
  clearInterval(keepAlive);
  process.exit(reason ? exitCode.failed : exitCode.completed);
}

/** Resolves when the message is on its way, or when there is nobody to tell. */
function report(message: RoleReport): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}
