import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../kernel/clock.ts';
import type { Json } from '../kernel/envelope.ts';
import { logHeadBytes, logTailBytes, streamedBytesMax, streamedMessageBytesMax, streamGatherMs } from './bounds.ts';
import type { OutputStream } from './driver.ts';

/**
 * The output of one attempt: streamed while it runs, gathered for its log artifact. Both are bounded, and both say what
 * they left out. A character cut in two by a chunk is put together again.
 */
export class TaskOutput {
  readonly #attempt: number;
  readonly #clock: Clock;
  readonly #send: (payload: Json) => void;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #cutBytes = 0;
  #gathered: { stream: OutputStream; text: string }[] = [];
  #gatheredChars = 0;
  #streamedBytes = 0;
  #n = 0;
  #cancelFlush: (() => void) | undefined;

  constructor(attempt: number, clock: Clock, send: (payload: Json) => void) {
    this.#attempt = attempt;
    this.#clock = clock;
    this.#send = send;
  }

  write(stream: OutputStream, chunk: Uint8Array): void {
    this.#keep(Buffer.from(chunk));
    const text = this.#decoders[stream].write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (text !== '') this.#gather(stream, text, chunk.byteLength);
  }

  /** Streams what is gathered; the output is complete. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#decoders[stream].end();
      if (rest !== '') this.#gather(stream, rest, 0);
    }
    this.#flush();
  }

  /** The log: everything, or its beginning and end with a line between that counts what is missing. */
  log(): Buffer {
    const over = Math.max(0, this.#tailBytes - logTailBytes);
    const cutBytes = this.#cutBytes + over;
    if (cutBytes === 0) return Buffer.concat([...this.#head, ...this.#tail]);
    return Buffer.concat([
      ...this.#head,
      Buffer.from(`\n[astra] ${cutBytes} bytes of output are left out here\n`),
      Buffer.concat(this.#tail).subarray(over),
    ]);
  }

  #keep(chunk: Buffer): void {
    let rest = chunk;
    if (this.#headBytes < logHeadBytes) {
      const part = rest.subarray(0, logHeadBytes - this.#headBytes);
      this.#head.push(part);
      this.#headBytes += part.length;
      rest = rest.subarray(part.length);
    }
    if (rest.length === 0) return;
    this.#tail.push(rest);
    this.#tailBytes += rest.length;
    // Whole chunks go once the others alone are enough; the last cut is made when the log is read.
    let first = this.#tail[0];
    while (first && this.#tailBytes - first.length >= logTailBytes) {
      this.#tail.shift();
      this.#tailBytes -= first.length;
      this.#cutBytes += first.length;
      first = this.#tail[0];
    }
  }

  #gather(stream: OutputStream, text: string, bytes: number): void {
    if (this.#streamedBytes > streamedBytesMax) return;
    this.#streamedBytes += bytes;
    const last = this.#gathered.at(-1);
    if (last?.stream === stream) last.text += text;
    else this.#gathered.push({ stream, text });
    this.#gatheredChars += text.length;
    if (this.#streamedBytes > streamedBytesMax)
      this.#gathered.push({
        stream: 'stderr',
        text: '\n[astra] the rest of the output is not streamed; see the log\n',
      });
    if (this.#gatheredChars >= streamedMessageBytesMax / 2) this.#flush();
    else this.#cancelFlush ??= this.#clock.after(streamGatherMs, () => this.#flush());
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#gatheredChars = 0;
    for (const { stream, text } of gathered)
      for (const piece of pieces(text, streamedMessageBytesMax / 4))
        this.#send({ attempt: this.#attempt, n: ++this.#n, stream, at: this.#clock.now(), text: piece });
  }
}

/** A text in pieces of at most `chars` UTF-16 units, never through a surrogate pair. */
function* pieces(text: string, chars: number): Generator<string> {
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + chars, text.length);
    const unit = text.charCodeAt(end - 1);
    if (end < text.length && unit >= 0xd800 && unit < 0xdc00) end--;
    yield text.slice(at, end);
    at = end;
  }
}
