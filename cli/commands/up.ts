import type { Command } from 'commander';
import { exitCode } from '../exit-code.ts';
import { examples, type Host, runs } from '../program.ts';
import type { SettingName } from '../settings.ts';
import { jsonOutput, terminalOutput } from '../supervisor/output.ts';
import type { Up } from '../supervisor/up.ts';
import { astraVersion } from './version.ts';

const upSettings: readonly SettingName[] = [
  'host',
  'port',
  'dataDir',
  'databaseUrl',
  'natsUrl',
  'org',
  'kernels',
  'slots',
  'pools',
  'allowDriver',
  'logLevel',
];

export function upCommand(program: Command, host: Host): void {
  const command = program
    .command('up')
    .description('run everything here: Postgres and NATS (unless URLs are given), kernels, gateway and worker')
    .option('--no-restart', 'end when a role dies, instead of starting it again');
  examples(
    command,
    'astra up',
    'astra up --port 8080 --allow-driver thread,process',
    'astra up --kernels 3',
    'DATABASE_URL=postgres://… NATS_URL=nats://… astra up',
  );
  command.addHelpText(
    'after',
    '\nSeveral kernels share the shards out evenly; when one dies, the others take its part over within three seconds.' +
      '\nCtrl-C stops the worker, the gateway, the kernels and the servers, in this order; a second one hurries.',
  );
  runs(command, host, upSettings, async ({ config, terminal, json, options, exit }) => {
    const output =
      terminal.interactive && !json ? terminalOutput(terminal.out, terminal.paint) : jsonOutput(terminal.out);
    const { interrupted, startUp } = await import('../supervisor/up.ts');
    const stopping = new AbortController();
    let running: Up | undefined;
    const stop = () => {
      if (stopping.signal.aborted) running?.hurry();
      stopping.abort(interrupted);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    // Started by another program that gave us a channel (a test, a demo): its end is ours.
    process.on('disconnect', stop);
    const up = await startUp({
      config,
      output,
      restart: options['restart'] !== false,
      version: astraVersion,
      signal: stopping.signal,
    });
    running = up;
    process.on('SIGHUP', () => {
      up.reload().catch((error: Error) => output.say('error', error.message));
    });
    output.say('info', `Astra is ready at ${up.url}`, { url: up.url, keyFile: up.keyFile, pid: process.pid });
    if (process.connected) process.send?.({ type: 'ready', url: up.url });
    const stopped = new Promise<undefined>((resolve) => {
      if (stopping.signal.aborted) resolve(undefined);
      stopping.signal.addEventListener('abort', () => resolve(undefined));
    });
    const broken = await Promise.race([up.broken, stopped]);
    if (broken) output.say('error', broken.message, { code: broken.code });
    output.say('info', 'stopping');
    const clean = await up.stop();
    output.say('info', 'stopped');
    exit(broken || !clean ? exitCode.failed : exitCode.completed);
  });
}
