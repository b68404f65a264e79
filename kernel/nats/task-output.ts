import { jetstreamManager } from '@nats-io/jetstream';
import type { Subscription } from '../bus.ts';
import type { Json } from '../envelope.ts';
import { requestMs } from './bounds.ts';
import type { Wire } from './connection.ts';
import { natsError } from './errors.ts';
import { Reader } from './reader.ts';

/** The output of one task from stream LOGS: from its beginning, and on as it comes. Throws `unavailable`. */
export async function readTaskOutput(
  wire: Wire,
  org: string,
  taskId: string,
  deliver: (piece: Json) => void,
): Promise<Subscription> {
  try {
    const jsm = await jetstreamManager(wire.nc, { timeout: requestMs, checkAPI: false });
    return await Reader.open(wire, jsm, {
      stream: wire.names.logs,
      filter: `${wire.names.root}.logs.${org}.${taskId}`,
      after: 0,
      deliver: ({ message }) => deliver(message.json<Json>()),
    });
  } catch (error) {
    throw natsError(error);
  }
}
