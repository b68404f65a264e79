import type { z } from 'zod';
import type { AgentProfile } from '../actors/index.ts';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import type { Artifact, ArtifactContent } from './artifacts.ts';
import type { Driver, OutputStream } from './driver.ts';
import type { Enforcement, TaskLimits } from './limits.ts';
import type { Message, SpawnInput } from './mail.ts';

/** The agent on whose behalf an attempt runs. */
export interface WorkingFor {
  readonly id: string;
  readonly profileVersion: number;
  /** Its profile as of this version, asked for when it is first wanted. Throws `profile_gone` when it has changed too often since. */
  profile(): Promise<AgentProfile>;
}

/** What a handler is given for one attempt. */
export interface HandlerContext<Input> {
  readonly org: string;
  readonly taskId: string;
  /** 1, 2, 3 …: one execution of the task. */
  readonly attempt: number;
  /** The task's input, checked by the handler's schema. */
  readonly input: Input;
  /** The same for every attempt of one run: give it to systems that can tell a repetition. */
  readonly idempotencyKey: string;
  /** For whom the task works. */
  readonly agent: WorkingFor;
  readonly timeoutMs: number;
  readonly limits: TaskLimits;
  readonly traceparent: string | undefined;
  /** Aborted when the attempt has to end: its time is up, it was cancelled, or its worker stops. */
  readonly signal: AbortSignal;
  /** A line, or a piece, of the attempt's log. */
  log(text: string | Uint8Array, stream?: OutputStream): void;
  /** How far it is, 0 … 1, and a short note; sampled to one a second. */
  progress(fraction: number | undefined, note?: string): void;
  /** Stores a file with the attempt. Throws `rejected` / `artifact_too_large`, and `too_many_artifacts`. */
  artifact(name: string, content: string | ArtifactContent, mediaType?: string): Promise<Artifact>;
  /** The bytes of an artifact of this org. Throws `rejected` / `artifact_not_found`. */
  readArtifact(sha256: string, bytesMax: number): Promise<Uint8Array>;
  /**
   * A message for the mailbox of another agent of this org. It is sent with the attempt's completion, once, in the name of
   * {@link agent}; an attempt that fails sends nothing, and one that wrote to somebody who does not take it fails.
   * Throws a {@link TaskFailure}: `message_invalid`, `too_many_messages`, `messages_too_large`.
   */
  send(agentId: string, message: Message): void;
  /**
   * A child for {@link agent}, asked for with the attempt's completion, as messages are. Returns the id that it will have; its
   * name may turn out to be taken, or its parent to take no more, which is a dead letter then.
   * Throws a {@link TaskFailure}: `agent_invalid`, `too_many_agents`, `agents_too_large`.
   */
  spawn(profile: SpawnInput): string;
  /** Calls back on every signal sent to the task while this attempt runs. */
  onSignal(listener: (name: string, payload: Json | undefined) => void): void;
}

/** What a handler returns: the task's result, JSON up to 256 KiB. */
export type HandlerResult = Json | undefined | void;

/** A task type's implementation. Made with {@link defineHandler}. */
export interface Handler {
  /** `[a-z0-9_-]{1,64}` */
  readonly type: string;
  readonly input: z.ZodType;
  /** The limits it holds; those of its driver when it has one. */
  readonly enforces: Enforcement;
  /** What runs the work, when it is not this process. */
  readonly driver?: Driver;
  run(ctx: HandlerContext<unknown>): HandlerResult | Promise<HandlerResult>;
}

export interface HandlerDefinition<Schema extends z.ZodType> {
  readonly type: string;
  readonly input: Schema;
  readonly enforces?: Enforcement;
  readonly driver?: Driver;
  /** Returns the result, or throws {@link TaskFailure} (any other error is one that may be retried). */
  run(ctx: HandlerContext<z.output<Schema>>): HandlerResult | Promise<HandlerResult>;
}

const typePattern = /^[a-z0-9_-]{1,64}$/;

/** A handler of a task type: its input is checked by the schema before `run`. Throws `rejected` / `handler_type_invalid`. */
export function defineHandler<Schema extends z.ZodType>(definition: HandlerDefinition<Schema>): Handler {
  const { type, input, driver } = definition;
  if (!typePattern.test(type))
    throw new AstraError(
      'rejected',
      'handler_type_invalid',
      `A handler's type is 1 to 64 of a-z, 0-9, _ and -; found "${type.slice(0, 80)}".`,
    );
  return {
    type,
    input,
    enforces: definition.enforces ?? driver?.enforces ?? {},
    ...(driver ? { driver } : {}),
    run: (ctx) => definition.run(ctx as HandlerContext<z.output<Schema>>),
  };
}
