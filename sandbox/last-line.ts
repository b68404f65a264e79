/** Keeps the last line of a stream that is not blank, up to a number of bytes. */
export class LastLine {
  readonly #bytesMax: number;
  /** The line that is being written; undefined when it became too long. */
  #open: Buffer[] | undefined = [];
  #openBytes = 0;
  #last: Buffer | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  write(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#add(chunk.subarray(from, at));
      this.#close();
      from = at + 1;
    }
    this.#add(chunk.subarray(from));
  }

  /** The line without white space around it; undefined when there is none, or it is too long. */
  get(): string | undefined {
    this.#close();
    return this.#last?.toString('utf8').trim();
  }

  #add(part: Buffer): void {
    if (part.length === 0) return;
    this.#openBytes += part.length;
    if (this.#openBytes > this.#bytesMax) this.#open = undefined;
    else this.#open?.push(Buffer.from(part));
  }

  #close(): void {
    if (this.#openBytes > 0) {
      const line = this.#open && Buffer.concat(this.#open);
      if (!line || !isBlank(line)) this.#last = line;
    }
    this.#open = [];
    this.#openBytes = 0;
  }
}

const isBlank = (line: Buffer): boolean => line.every((byte) => byte === 32 || byte === 9 || byte === 13);
