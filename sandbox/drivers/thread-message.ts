import type { MessagePort } from 'node:worker_threads';
import type { Question } from '../driver.ts';

/** What the thread driver hands to a thread. */
export interface ThreadTask {
  readonly source: { readonly code: string } | { readonly module: string; readonly name: string };
  /** The arguments, as JSON text: an array. */
  readonly args: string;
  readonly outputBytesMax: number;
  readonly valueBytesMax: number;
  readonly port: MessagePort;
}

/** What a thread says while it runs. */
export type ThreadMessage =
  | { readonly kind: 'started'; readonly threadId: number }
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** More output than allowed: it sends none any more. */
  | { readonly kind: 'overflow' }
  /** A message to an agent, as JSON text: `[agentId, message]`. */
  | { readonly kind: 'message'; readonly json: string }
  /** A question of its own number, about something as JSON text. */
  | { readonly kind: 'question'; readonly n: number; readonly question: Question; readonly json: string };

/** What the driver tells a thread that has asked. */
export type ThreadAnswer =
  | { readonly n: number; readonly ok: true; readonly value: unknown }
  | { readonly n: number; readonly ok: false; readonly message: string };

/** What it returns: the value as JSON text, or what was thrown. */
export type ThreadResult =
  | { readonly ok: true; readonly json: string | undefined }
  | { readonly ok: false; readonly name: string; readonly message: string };
