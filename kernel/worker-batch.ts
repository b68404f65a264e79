import { batchEntriesMax } from './bounds.ts';
import type { LaneEntry, LaneMessage } from './bus.ts';
import type { Json } from './envelope.ts';

/** Verbs of a worker that the task lets through to others, who answer: they are alone in their message. */
const askingVerbs = ['profile', 'reach'];
const workerVerbs = new Set(['claim', 'decline', 'refuse', 'progress', 'complete', 'fail', ...askingVerbs]);

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A worker's message: its commands are answered together; a question is answered by whom it reaches, and so by itself. */
export function workerMessage(
  org: string,
  body: Json,
  payload: Uint8Array,
  replyTo: string | undefined,
): Pick<LaneMessage, 'entries' | 'replyTo'> {
  const entries = batchEntries(org, body, payload);
  if (replyTo === undefined) return { entries };
  const only = entries.length === 1 ? entries[0] : undefined;
  if (!only?.ok || !askingVerbs.includes(only.envelope.verb)) return { entries, replyTo };
  return { entries: [{ ok: true, envelope: { ...only.envelope, replyTo } }] };
}

/**
 * The commands of a worker's batch: a list of `{ to, command, id, body }`, each to a task of the worker's org. What is none
 * of them comes with its reason, in its place.
 */
function batchEntries(org: string, body: Json, payload: Uint8Array): readonly LaneEntry[] {
  if (!Array.isArray(body) || body.length === 0)
    return [{ ok: false, reason: 'expected a batch: a list of { to, command, id, body }', org, payload }];
  if (body.length > batchEntriesMax)
    return [
      {
        ok: false,
        reason: `expected at most ${batchEntriesMax} commands in a batch, found ${body.length}`,
        org,
        payload,
      },
    ];
  return body.map((entry: unknown): LaneEntry => {
    const bad = (reason: string): LaneEntry => ({
      ok: false,
      reason,
      org,
      payload: Buffer.from(JSON.stringify(entry)),
    });
    if (!isRecord(entry)) return bad('expected an entry { to, command, id, body }');
    const { to, command, id, body: inner } = entry;
    if (typeof to !== 'string' || typeof command !== 'string' || typeof id !== 'string' || !isRecord(inner))
      return bad('expected an entry { to, command, id, body } with text, text, text and an object');
    if (!workerVerbs.has(command)) return bad(`expected one of ${[...workerVerbs].join(', ')}, found ${command}`);
    const worker = typeof inner['worker'] === 'string' ? inner['worker'] : 'unknown';
    return {
      ok: true,
      envelope: {
        to: { org, type: 'task', id: to },
        verb: command,
        id,
        body: inner as Json,
        principal: `worker:${worker}`,
        correlationId: id,
        hops: 0,
      },
    };
  });
}
