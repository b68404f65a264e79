import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { micros, toIso } from '../kernel/brand.ts';
import type { Json } from '../kernel/envelope.ts';
import type { TaskView } from '../projections/index.ts';
import { logsBytesMax, logsWaitMs } from './bounds.ts';
import { notFound } from './problems.ts';
import { historyOf } from './read-answer.ts';
import type { Responder } from './responder.ts';
import type { Call } from './route.ts';
import { type OutputPiece, outputPiece, type taskOutput } from './schemas/task.ts';
import type { Services } from './services.ts';

/** The task whose output is asked for. Throws `not_found`; undefined when it was answered: the task has left memory. */
export function taskOf(
  { org, params: [id = ''] }: Call<unknown>,
  responder: Responder,
  { projections }: Services,
): TaskView | undefined {
  const lookup = projections.reads.tasks.get(org, id);
  if (lookup.kind === 'unknown') throw notFound(`task ${id}`);
  if (lookup.kind === 'found') return lookup.view;
  responder.answer({ status: 307, location: historyOf('task', id) });
  return undefined;
}

/** A message of LOGS as a piece of output; undefined for anything else. */
export function pieceOf(message: Json): OutputPiece | undefined {
  const { at, ...rest } = message as { readonly at?: unknown };
  const piece = outputPiece.safeParse({
    ...rest,
    ...(typeof at === 'number' ? { at: toIso(micros(at)) } : {}),
  });
  return piece.success ? piece.data : undefined;
}

/** Answers with what a task has written so far. */
export async function readOutput(call: Call<unknown>, responder: Responder, services: Services): Promise<void> {
  const task = taskOf(call, responder, services);
  if (!task) return;
  let pieces: readonly OutputPiece[] = [];
  let isCut = false;
  let failure: unknown;
  try {
    const found = await streamed(call.org, task.id, services);
    pieces = found.pieces;
    isCut = !found.isLevel;
  } catch (error) {
    failure = error;
  }
  const kept = keptLog(call.org, task, services);
  // Without the stream there may be more than was kept, unless the task has ended.
  if (failure !== undefined && !(kept && isEnded(task))) throw failure;
  if (!kept || isWhole(pieces, kept.attempt)) return responder.answer({ status: 200, body: bounded(pieces, isCut) });
  const whole = await kept.read();
  const others = pieces.filter(({ attempt }) => attempt !== kept.attempt);
  responder.answer({ status: 200, body: bounded(whole ? [...others, whole] : pieces, isCut || kept.isCut) });
}

export const isEnded = ({ status }: TaskView): boolean =>
  status === 'completed' || status === 'dead_letter' || status === 'cancelled';

/** Whether the stream has an attempt from its first piece on. */
export const isWhole = (pieces: readonly OutputPiece[], attempt: number): boolean =>
  pieces.find((piece) => piece.attempt === attempt)?.n === 1;

/** What LOGS has of a task now, and whether that is all of it. Throws `unavailable`. */
async function streamed(org: string, taskId: string, { output, clock }: Services) {
  const pieces: OutputPiece[] = [];
  let isLevel = false;
  let onOver = () => {};
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const take = (message: Json): void => {
    const piece = pieceOf(message);
    if (piece && !isLevel) pieces.push(piece);
  };
  const subscription = await output(org, taskId, take, () => {
    isLevel = true;
    onOver();
  });
  const cancel = clock.after(logsWaitMs, onOver);
  await over;
  cancel();
  await subscription.stop();
  return { pieces, isLevel };
}

/** The log that the last attempt to end left as an artifact. */
export interface KeptLog {
  readonly attempt: number;
  /** Whether it is longer than one answer. */
  readonly isCut: boolean;
  /** It as one piece; undefined when the store does not have it. */
  read(): Promise<OutputPiece | undefined>;
}

export function keptLog(org: string, task: TaskView, { artifacts, projections }: Services): KeptLog | undefined {
  const log = task.artifacts.find(({ name }) => name === 'log');
  if (!log) return undefined;
  const timeline = projections.reads.tasks.timeline(org, task.id);
  const transitions = timeline.kind === 'found' ? timeline.view.items : [];
  const ending = transitions.findLast(({ type }) => type === 'TaskCompleted' || type === 'TaskAttemptFailed');
  const attempt = ending?.attempt ?? task.attempt;
  const isCut = log.size > logsBytesMax;
  return {
    attempt,
    isCut,
    async read() {
      const found = await artifacts.get(org, log.sha256, isCut ? { start: 0, end: logsBytesMax - 1 } : undefined);
      return found && { attempt, stream: 'stdout', text: await textOf(found.content) };
    },
  };
}

async function textOf(content: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The last pieces that one answer may hold, and at least one. */
function bounded(items: readonly OutputPiece[], isCut: boolean): z.infer<typeof taskOutput> {
  let bytes = 0;
  let first = items.length;
  while (first > 0) {
    bytes += Buffer.byteLength((items[first - 1] as OutputPiece).text);
    if (bytes > logsBytesMax && first < items.length) break;
    first--;
  }
  return { items: items.slice(first), truncated: isCut || first > 0 };
}
