import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { unavailableError } from '../exit-code.ts';

/** Whether nothing listens on a loopback port (and this account may listen there). */
export const isFree = (port: number): Promise<boolean> => listen(port).then((found) => found !== undefined);

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const port = await listen(0);
  if (port === undefined) throw unavailableError('no_free_port', 'expected a free port on 127.0.0.1, found none.');
  return port;
}

/**
 * The port to serve on: `wanted`, which must be free (`port_in_use`), else the one `remembered` from the last start if it
 * is free, else any.
 */
export async function choosePort(
  what: string,
  wanted: number | undefined,
  remembered: number | undefined,
): Promise<number> {
  if (wanted !== undefined) {
    if (await isFree(wanted)) return wanted;
    throw portInUse(what, wanted);
  }
  return remembered !== undefined && (await isFree(remembered)) ? remembered : freePort();
}

/** The port that a server's directory remembers in its file `port`; undefined when it does not. */
export function rememberedPort(directory: string): number | undefined {
  const path = join(directory, 'port');
  const port = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

export const portInUse = (what: string, port: number) =>
  unavailableError(
    'port_in_use',
    `port ${port} on 127.0.0.1, wanted for ${what}, is taken by another program or not allowed to this account: stop that ` +
      `program (ss -ltnp or lsof -i :${port} names it), or choose another port.`,
  );

function listen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address ? address.port : undefined;
      server.close(() => resolve(found));
    });
  });
}
