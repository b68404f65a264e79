import type { Heartbeat } from './liveness.ts';

const isText = (value: unknown): value is string => typeof value === 'string';
const areTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);

/** A heartbeat, or undefined when it is none: a worker that speaks nonsense is not heard. */
export function readHeartbeat(payload: Uint8Array): Heartbeat | undefined {
  try {
    const beat = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<Heartbeat>;
    if (!isText(beat.incarnation) || typeof beat.slots !== 'number' || !areTexts(beat.pools) || !areTexts(beat.types))
      return undefined;
    if (
      !Array.isArray(beat.running) ||
      !beat.running.every((one) => isText(one?.taskId) && typeof one.attempt === 'number')
    )
      return undefined;
    return beat as Heartbeat;
  } catch {
    return undefined;
  }
}
