import { jetstreamManager } from '@nats-io/jetstream';
import type { Subscription } from '../bus.ts';
import type { Json } from '../envelope.ts';
import { requestMs } from './bounds.ts';
import { jsonOf, type Wire } from './connection.ts';
import { natsError } from './errors.ts';
import { Reader } from './reader.ts';

/**
 * The output of one task from stream LOGS: from its beginning, and on as it comes. `onLevel` is told once what was there
 * when it began has been delivered. Throws `unavailable`.
 */
export async function readTaskOutput(
  wire: Wire,
  org: string,
  taskId: string,
  deliver: (piece: Json) => void,
  onLevel: () => void = () => {},
): Promise<Subscription> {
  try {
    const jsm = await jetstreamManager(wire.nc, { timeout: requestMs, checkAPI: false });
    const filter = `${wire.names.root}.logs.${org}.${taskId}`;
    const { state } = await jsm.streams.info(wire.names.logs, { subjects_filter: filter });
    let behind = state.subjects?.[filter] ?? 0;
    const reader = await Reader.open(wire, jsm, {
      stream: wire.names.logs,
      filter,
      after: 0,
      deliver: ({ message }) => {
        const piece = jsonOf(message);
        if (piece !== undefined) deliver(piece);
        if (--behind === 0) onLevel();
      },
    });
    if (behind === 0) queueMicrotask(onLevel);
    return reader;
  } catch (error) {
    throw natsError(error);
  }
}
