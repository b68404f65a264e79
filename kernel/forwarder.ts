import type { Bus, Publication, Subscription } from './bus.ts';
import type { Clock } from './clock.ts';
import type { Envelope } from './envelope.ts';
import { AstraError, type Problem } from './errors.ts';
import type { Random } from './random.ts';
import type { Registry } from './registry.ts';

export interface ForwarderParts {
  readonly bus: Pick<Bus, 'openIngress' | 'sendCommand' | 'reply'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly registry: Registry;
  readonly shards: number;
  readonly gate: () => Promise<void> | undefined;
  /** A publication as a command. Throws an `AstraError` for what cannot be understood. */
  readonly translate: (publication: Publication, now: number) => Envelope;
  /** What a publication that cannot be understood is parked as. */
  readonly park: (publication: Publication, problem: Problem, id: string) => Envelope;
  readonly onTrouble: (message: string, cause: unknown) => void;
}

/**
 * Publications from outside, onto their lanes (docs/nats.md, "Publishing in"): the owner of shard 0 alone does this. What
 * cannot be understood, or not be carried, becomes a dead letter and blocks nobody; what the bus does not take now comes
 * again.
 */
export class Forwarder {
  readonly #parts: ForwarderParts;
  #ingress: Subscription | undefined;
  /** An opening that something was said after is not wanted any more. */
  #said = 0;

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
  }

  async open(): Promise<void> {
    const saying = ++this.#said;
    await this.#close();
    if (saying !== this.#said) return;
    const ingress = await this.#parts.bus.openIngress((publication) => this.#forward(publication));
    if (saying === this.#said) this.#ingress = ingress;
    else await ingress.stop().catch(() => {});
  }

  /** Resolves when nothing is being forwarded any more. */
  async stop(): Promise<void> {
    this.#said++;
    await this.#close();
  }

  async #close(): Promise<void> {
    const ingress = this.#ingress;
    this.#ingress = undefined;
    await ingress?.stop().catch(() => {});
  }

  async #forward(publication: Publication): Promise<void> {
    const { translate, gate, clock } = this.#parts;
    for (let closed = gate(); closed; closed = gate()) await closed;
    try {
      await this.#send(translate(publication, clock.now()));
    } catch (error) {
      if (isPassing(error)) throw error;
      if (!(error instanceof AstraError))
        this.#parts.onTrouble(`publication ${publication.verb} was not forwarded`, error);
      await this.#park(publication, error instanceof AstraError ? error.toProblem() : defect);
    }
  }

  async #park(publication: Publication, problem: Problem): Promise<void> {
    const { park, random, bus } = this.#parts;
    const unique = random.bytes(16).toString('hex');
    try {
      await this.#send(park(publication, problem, unique));
    } catch (error) {
      if (isPassing(error)) throw error;
      // With what it brought it is larger than a message can be; without, it can be kept.
      const detail = `${problem.detail} (its ${publication.payload.length} bytes were too many to keep)`;
      await this.#send(park({ ...publication, payload: new Uint8Array(0) }, { ...problem, detail }, unique));
    }
    if (publication.replyTo !== undefined) bus.reply(publication.replyTo, { ok: false, problem });
  }

  async #send(envelope: Envelope): Promise<void> {
    const { registry, shards, bus } = this.#parts;
    const shard = registry.shardOf(envelope.to, shards);
    if (shard === undefined) throw new Error(`no actor type ${envelope.to.type}`);
    await bus.sendCommand(shard, envelope);
  }
}

/** The bus does not take it now. */
const isPassing = (error: unknown): boolean =>
  error instanceof AstraError && (error.kind === 'unavailable' || error.kind === 'overloaded');

const defect: Problem = { kind: 'contained', code: 'internal', detail: 'the publication could not be translated' };
