import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { followersMax, followLookMs, followQuietMs, retryAfterMs } from './bounds.ts';
import { EventStream, headOfEvents } from './event-stream.ts';
import type { Responder } from './responder.ts';
import type { Call } from './route.ts';
import type { OutputPiece } from './schemas/task.ts';
import type { Services } from './services.ts';
import { isEnded, isWhole, keptLog, pieceOf, taskOf } from './task-output.ts';

/**
 * Streams what a task writes: what there is, then what comes, then `event: end` when the task has ended and its output
 * has been quiet for a while. An attempt that the stream no longer has from its beginning is told from its artifact.
 */
export async function followOutput(call: Call<unknown>, responder: Responder, services: Services): Promise<void> {
  const task = taskOf(call, responder, services);
  if (!task) return;
  if (responder.asked.isHead) return headOfEvents(responder);
  if (services.streams.size >= followersMax)
    throw new AstraError('overloaded', 'overloaded', `${followersMax} streams of this gateway are open`, {
      retryAfterMs,
    });

  // Until it is known what LOGS still has, pieces are held back: the artifact comes before what is newer.
  let early: OutputPiece[] | undefined = [];
  let events: EventStream | undefined;
  let heardMs = services.clock.monotonicMs();
  const send = (piece: OutputPiece): void =>
    events?.send({ data: piece, ...(piece.n === undefined ? {} : { id: `${piece.attempt}:${piece.n}` }) });
  const take = (message: Json): void => {
    const piece = pieceOf(message);
    if (!piece) return;
    heardMs = services.clock.monotonicMs();
    if (early) early.push(piece);
    else send(piece);
  };
  let onLevel = () => {};
  const level = new Promise<void>((resolve) => {
    onLevel = resolve;
  });
  const subscription = await services.output(call.org, task.id, take, onLevel);
  try {
    if (responder.isAborted) return;
    events = new EventStream(responder, services);
    await Promise.race([level, events.closed]);
    const kept = keptLog(call.org, task, services);
    const old = kept && !isWhole(early, kept.attempt) ? await kept.read() : undefined;
    for (const piece of early) if (piece.attempt !== old?.attempt) send(piece);
    if (old) send(old);
    early = undefined;
    await ended(call, services, events, () => heardMs);
    events.send({ name: 'end', data: {} });
  } finally {
    events?.end();
    await subscription.stop();
  }
}

/** Resolves when the task has ended and nothing was written for {@link followQuietMs}, or when the client has gone. */
async function ended(
  { org, params: [id = ''] }: Call<unknown>,
  { projections, clock }: Services,
  events: EventStream,
  lastHeardMs: () => number,
): Promise<void> {
  const startedMs = clock.monotonicMs();
  let endedMs: number | undefined;
  while (events.isOpen) {
    const lookup = projections.reads.tasks.get(org, id);
    if (lookup.kind !== 'found' || isEnded(lookup.view)) {
      // One that had ended before has nothing more to say.
      endedMs ??= clock.monotonicMs();
      const quietMs = clock.monotonicMs() - Math.max(lastHeardMs(), endedMs);
      if (quietMs >= followQuietMs || endedMs - startedMs < followLookMs) return;
    } else endedMs = undefined;
    await new Promise<void>((resolve) => clock.after(followLookMs, resolve));
  }
}
