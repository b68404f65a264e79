import type { Clock } from '../kernel/clock.ts';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import { type Artifact, type ArtifactContent, type ArtifactStore, isSha256, type PutOptions } from './artifacts.ts';
import {
  abandonMs,
  artifactBytesMax,
  artifactBytesTotalMax,
  artifactRetryForMs,
  artifactRetryMaxMs,
  artifactRetryMinMs,
  artifactsMax,
  driverMarginMs,
  outputBytesDefault,
  progressMs,
  progressNoteCharsMax,
  resultBytesMax,
} from './bounds.ts';
import type { OutputStream } from './driver.ts';
import type { Handler, HandlerContext, WorkingFor } from './handler.ts';
import { describeFaults } from './input-faults.ts';
import type { TaskLimits } from './limits.ts';
import { Mail, type Message, type SpawnInput } from './mail.ts';
import type { Questions } from './questions.ts';
import { type TaskError, TaskFailure, taskErrorOf } from './task-failure.ts';
import { TaskOutput } from './task-output.ts';
import type { WorkItem } from './work-message.ts';

/** How an execution ended. */
export type Ending =
  | {
      readonly kind: 'completed';
      readonly result?: Json;
      readonly resultBytes: number;
      readonly artifacts: readonly Artifact[];
      /** Absent where nothing was sent. */
      readonly mail?: Mail;
    }
  | { readonly kind: 'failed'; readonly error: TaskError; readonly artifacts: readonly Artifact[] }
  /** Told to stop, for this reason. */
  | { readonly kind: 'stopped'; readonly reason: string };

type Finished = Exclude<Ending, { readonly kind: 'stopped' }>;
type Completed = Extract<Ending, { readonly kind: 'completed' }>;

/** What ended an execution from outside. */
type Interruption =
  | { readonly kind: 'stopped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: TaskFailure };

export interface ExecutionParts {
  readonly org: string;
  readonly clock: Clock;
  readonly artifacts: ArtifactStore;
  readonly sendOutput: (taskId: string, payload: Json) => void;
  readonly questions: Pick<Questions, 'profile' | 'unreachable'>;
  readonly onProgress: (fraction: number | undefined, note: string | undefined) => void;
  /** Called once. */
  readonly onEnd: (ending: Ending) => void;
}

/**
 * One attempt being executed: checks the input, runs the handler with its context, holds the time limit, and gathers
 * what it leaves behind. What costs (signal, timer, output) is made when it is first needed: most attempts of a busy
 * worker are short.
 */
export class Execution implements HandlerContext<unknown> {
  readonly #item: WorkItem;
  readonly #handler: Handler;
  readonly #parts: ExecutionParts;
  readonly #artifacts: Artifact[] = [];
  #input: unknown;
  #controller: AbortController | undefined;
  #output: TaskOutput | undefined;
  #outputBytes = 0;
  #artifactBytes = 0;
  #mail: Mail | undefined;
  #listeners: ((name: string, payload: Json | undefined) => void)[] = [];
  #cancelTimer: (() => void) | undefined;
  #why: Interruption | undefined;
  #phase: 'running' | 'finishing' | 'ended' = 'running';
  #progress: { fraction: number | undefined; note: string | undefined } | undefined;
  #cancelProgress: (() => void) | undefined;

  constructor(item: WorkItem, handler: Handler, parts: ExecutionParts) {
    this.#item = item;
    this.#handler = handler;
    this.#parts = parts;
  }

  /** Runs the handler; the end comes through `onEnd`, at once when the handler needs no waiting. */
  start(): void {
    const parsed = this.#handler.input.safeParse(this.#item.input);
    if (!parsed.success) {
      const faults = describeFaults(parsed.error);
      this.#end({
        kind: 'failed',
        error: { code: 'input_invalid', message: faults.message, retryable: false, details: { errors: faults.errors } },
        artifacts: [],
      });
      return;
    }
    this.#input = parsed.data;
    const warning = this.#handler.driver?.warning;
    if (warning) this.log(`[astra] ${warning}\n`, 'stderr');
    let returned: unknown;
    try {
      returned = this.#handler.run(this);
    } catch (error) {
      this.#settled(undefined, error, true);
      return;
    }
    if (!(returned instanceof Promise)) {
      this.#settled(returned, undefined, false);
      return;
    }
    const marginMs = this.#handler.driver ? driverMarginMs : 0;
    this.#cancelTimer = this.#parts.clock.after(this.#item.timeoutMs + marginMs, () => this.#timeUp());
    returned.then(
      (value) => this.#settled(value, undefined, false),
      (error: unknown) => this.#settled(undefined, error, true),
    );
  }

  /** Ends the attempt: aborts its signal, and waits for the handler to settle, but not for ever. */
  stop(reason: string): void {
    this.#interrupt(
      { kind: 'stopped', reason },
      new AstraError('cancelled', 'cancelled', `The attempt was stopped: ${reason}.`),
    );
  }

  /** A signal for the task. */
  deliverSignal(name: string, payload: Json | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(name, payload);
      } catch (error) {
        this.log(`[astra] a signal listener threw: ${String(error)}\n`, 'stderr');
      }
    }
  }

  // — What handlers see —

  get org(): string {
    return this.#parts.org;
  }
  get taskId(): string {
    return this.#item.taskId;
  }
  get attempt(): number {
    return this.#item.attempt;
  }
  get input(): unknown {
    return this.#input;
  }
  get idempotencyKey(): string {
    return this.#item.idempotencyKey;
  }
  get agent(): WorkingFor {
    const { agentId, profileVersion } = this.#item;
    return { id: agentId, profileVersion, profile: () => this.#parts.questions.profile(this.#item) };
  }
  get timeoutMs(): number {
    return this.#item.timeoutMs;
  }
  get limits(): TaskLimits {
    return this.#item.limits;
  }
  get traceparent(): string | undefined {
    return this.#item.traceparent;
  }
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  log(text: string | Uint8Array, stream: OutputStream = 'stdout'): void {
    if (this.#phase === 'ended') return;
    const chunk = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
    this.#output ??= new TaskOutput(this.#item.attempt, this.#parts.clock, (payload) =>
      this.#parts.sendOutput(this.#item.taskId, payload),
    );
    this.#output.write(stream, chunk);
    this.#outputBytes += chunk.byteLength;
    const outputBytes = this.#item.limits.outputBytes ?? outputBytesDefault;
    // A driver counts what its job writes itself; its margin lets it be first.
    if (this.#outputBytes > outputBytes * (this.#handler.driver ? 2 : 1) && this.#phase === 'running')
      this.#fail(new TaskFailure('output', `The attempt wrote more than its ${outputBytes} bytes of output.`));
  }

  progress(fraction: number | undefined, note?: string): void {
    if (this.#phase !== 'running') return;
    const share = fraction === undefined || Number.isNaN(fraction) ? undefined : Math.min(1, Math.max(0, fraction));
    this.#progress = { fraction: share, note: note?.slice(0, progressNoteCharsMax) };
    if (!this.#cancelProgress) this.#reportProgress();
  }

  async artifact(
    name: string,
    content: string | ArtifactContent,
    mediaType = 'application/octet-stream',
  ): Promise<Artifact> {
    if (this.#artifacts.length >= artifactsMax)
      throw new TaskFailure(
        'too_many_artifacts',
        `An attempt may leave ${artifactsMax} artifacts; "${name}" is one more.`,
        {
          retryable: false,
        },
      );
    const artifact = await this.#store(name, content, mediaType);
    this.#artifacts.push(artifact);
    return artifact;
  }

  async readArtifact(sha256: string, bytesMax: number): Promise<Uint8Array> {
    const found = isSha256(sha256) ? await this.#parts.artifacts.get(this.org, sha256) : undefined;
    if (!found)
      throw new AstraError(
        'rejected',
        'artifact_not_found',
        `This org has no artifact with the hash ${sha256.slice(0, 64)}.`,
      );
    if (found.info.size > bytesMax) {
      found.content.destroy();
      throw new AstraError(
        'rejected',
        'artifact_too_large',
        `Artifact ${sha256} has ${found.info.size} bytes; here it may have ${bytesMax}.`,
      );
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of found.content) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  }

  send(agentId: string, message: Message): void {
    if (this.#phase === 'running') this.#outgoing.send(agentId, message);
  }

  spawn(profile: SpawnInput): string {
    return this.#outgoing.spawn(profile);
  }

  get #outgoing(): Mail {
    this.#mail ??= new Mail(this.org, this.taskId);
    return this.#mail;
  }

  onSignal(listener: (name: string, payload: Json | undefined) => void): void {
    this.#listeners.push(listener);
  }

  // — The end —

  async #store(name: string, content: string | ArtifactContent, mediaType: string): Promise<Artifact> {
    const bytesMax = Math.min(artifactBytesMax, artifactBytesTotalMax - this.#artifactBytes);
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    const stored = await this.#put(bytes, { bytesMax });
    this.#artifactBytes += stored.size;
    return { ...stored, mediaType, name };
  }

  /** Stores bytes, again and again while the store does not answer: what is done is not lost for that. */
  async #put(content: ArtifactContent, options: PutOptions): Promise<{ sha256: string; size: number }> {
    const { artifacts, clock } = this.#parts;
    const untilMs = clock.monotonicMs() + artifactRetryForMs;
    for (let waitMs = artifactRetryMinMs; ; waitMs = Math.min(waitMs * 2, artifactRetryMaxMs)) {
      try {
        return await artifacts.put(this.org, typeof content === 'function' ? content() : content, options);
      } catch (error) {
        const passing = error instanceof AstraError && (error.kind === 'unavailable' || error.kind === 'indeterminate');
        const repeatable = typeof content === 'function' || content instanceof Uint8Array;
        if (!passing || !repeatable || this.#why || clock.monotonicMs() > untilMs) throw error;
      }
      await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    }
  }

  #timeUp(): void {
    this.#fail(new TaskFailure('timeout', `The attempt took longer than its ${this.#item.timeoutMs} ms.`));
  }

  #fail(error: TaskFailure): void {
    this.#interrupt({ kind: 'failed', error }, error);
  }

  #interrupt(why: Interruption, cause: Error): void {
    if (this.#phase !== 'running' || this.#why) return;
    this.#why = why;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.clock.after(abandonMs, () => this.#settled(undefined, cause, true));
    this.#controller ??= new AbortController();
    this.#controller.abort(cause);
  }

  /** The handler has returned, thrown, or was abandoned. */
  #settled(value: unknown, thrown: unknown, threw: boolean): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'finishing';
    this.#cancelTimer?.();
    this.#cancelProgress?.();
    if (this.#why?.kind === 'stopped') {
      this.#end(this.#why);
      return;
    }
    const error = this.#why ? this.#why.error : thrown;
    const ending: Finished =
      this.#why || threw
        ? { kind: 'failed', error: taskErrorOf(error), artifacts: this.#artifacts }
        : this.#completed(value);
    if (ending.kind === 'completed' && this.#mail) {
      void this.#addressed(ending, this.#mail).then((checked) => this.#finished(checked));
      return;
    }
    this.#finished(ending);
  }

  #finished(ending: Finished): void {
    if (this.#output) this.#storeLog(this.#output, ending);
    else this.#end(ending);
  }

  /** With its messages, if those whom they are for take any. */
  async #addressed(ending: Completed, mail: Mail): Promise<Finished> {
    try {
      const receivers = [...new Set(mail.messages.map(({ to }) => to))];
      const asked = receivers.map((agentId) => this.#parts.questions.unreachable(this.#item, agentId));
      const problem = (await Promise.all(asked)).find((one) => one !== undefined);
      if (problem === undefined) return { ...ending, mail };
      throw new TaskFailure('message_undeliverable', problem.detail, {
        retryable: problem.kind !== 'rejected',
        details: { code: problem.code },
      });
    } catch (error) {
      return { kind: 'failed', error: taskErrorOf(error), artifacts: this.#artifacts };
    }
  }

  #completed(value: unknown): Finished {
    if (value === undefined || value === null || typeof value === 'boolean')
      return {
        kind: 'completed',
        ...(value === undefined ? {} : { result: value }),
        resultBytes: 5,
        artifacts: this.#artifacts,
      };
    const failed = (code: string, message: string): Finished => ({
      kind: 'failed',
      error: { code, message, retryable: false },
      artifacts: this.#artifacts,
    });
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      return failed('result_invalid', `A result is JSON; this one is not: ${String(error)}`);
    }
    if (text === undefined) return failed('result_invalid', `A result is JSON; found a ${typeof value}.`);
    const resultBytes = Buffer.byteLength(text);
    if (resultBytes > resultBytesMax)
      return failed(
        'result_too_large',
        `A result may have ${resultBytesMax} bytes as JSON; this one has ${resultBytes}. Leave larger output as an artifact.`,
      );
    return { kind: 'completed', result: value as Json, resultBytes, artifacts: this.#artifacts };
  }

  #storeLog(output: TaskOutput, ending: Finished): void {
    output.end();
    this.#store('log', output.log(), 'text/plain; charset=utf-8').then(
      (log) => this.#end({ ...ending, artifacts: [...ending.artifacts, log] }),
      // Work that is done is not undone because its log could not be kept.
      (error: unknown) => {
        const message = `The log could not be stored: ${String(error)}`;
        this.#end(ending.kind === 'failed' ? { ...ending, error: withNote(ending.error, message) } : ending);
      },
    );
  }

  #end(ending: Ending): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    if (ending.kind === 'stopped') this.#output?.end();
    this.#parts.onEnd(ending);
  }

  #reportProgress(): void {
    const progress = this.#progress;
    this.#progress = undefined;
    this.#cancelProgress = undefined;
    if (!progress || this.#phase !== 'running') return;
    this.#parts.onProgress(progress.fraction, progress.note);
    this.#cancelProgress = this.#parts.clock.after(progressMs, () => this.#reportProgress());
  }
}

const withNote = (error: TaskError, note: string): TaskError => ({ ...error, message: `${error.message} (${note})` });
