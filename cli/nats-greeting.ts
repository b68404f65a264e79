import { connect } from 'node:net';
import { doctorTimeoutMs } from './bounds.ts';
import { unavailableError } from './exit-code.ts';
import { redactUrl } from './secret.ts';

/** What a NATS server says of itself before it asks who is there. */
export interface NatsGreeting {
  readonly version: string;
  readonly messageBytesMax: number;
}

/**
 * Asks the first server of a NATS URL for its greeting. Throws `unavailable`: `nats_unreachable`, or `nats_unfit` when what
 * answers is not NATS or has no JetStream.
 */
export function natsGreeting(url: string): Promise<NatsGreeting> {
  const shown = redactUrl(url);
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url.split(',')[0] ?? url);
    let greeting = '';
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 4222) });
    socket.setEncoding('utf8');
    socket.setTimeout(doctorTimeoutMs, () =>
      socket.destroy(new Error(`no greeting within ${doctorTimeoutMs / 1000} s`)),
    );
    socket.on('error', (cause: NodeJS.ErrnoException) =>
      reject(
        unavailableError(
          'nats_unreachable',
          `NATS at ${shown} does not answer (${cause.code ?? cause.message}): start it, or give another NATS_URL.`,
          cause,
        ),
      ),
    );
    socket.on('data', (part) => {
      greeting += part;
      if (greeting.includes('\r\n')) socket.destroy();
    });
    socket.on('close', () => {
      const info = parse(greeting);
      if (info === undefined)
        reject(unavailableError('nats_unfit', `what answers at ${shown} is not NATS: give another NATS_URL.`));
      else if (info.jetstream !== true)
        reject(
          unavailableError(
            'nats_unfit',
            `NATS at ${shown} runs without JetStream: start it with JetStream (nats-server -js).`,
          ),
        );
      else resolve({ version: info.version ?? 'unknown', messageBytesMax: info.max_payload ?? 0 });
    });
  });
}

function parse(greeting: string): { version?: string; jetstream?: boolean; max_payload?: number } | undefined {
  if (!greeting.startsWith('INFO ')) return undefined;
  try {
    return JSON.parse(greeting.slice('INFO '.length)) as {
      version?: string;
      jetstream?: boolean;
      max_payload?: number;
    };
  } catch {
    return undefined;
  }
}
