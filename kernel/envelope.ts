import type { Address } from './address.ts';
import type { Micros, Position } from './brand.ts';
import type { Problem } from './errors.ts';

/** JSON as data: what bodies and payloads are made of. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * A command on its way to an actor: what lanes and channels carry, and what effects are recorded as.
 * `id` is the command id (I3: it changes an actor at most once).
 */
export interface Envelope {
  readonly to: Address;
  readonly verb: string;
  readonly id: string;
  readonly body: Json;
  /** Who asks: `key:<id>`, `worker:<id>`, `publisher:<user>`, `actor:<type>/<id>`, or `kernel`. */
  readonly principal: string;
  /**
   * `command`: remembered in table `commands` for ASTRA_IDEMPOTENCY_DAYS, because it creates nothing that would remember it.
   * `create`: the created actor itself remembers it, for ever, by `fingerprint`.
   */
  readonly keyed?: 'command' | 'create';
  /** What was asked: SHA-256, hex, of the canonical request, or the key itself where it can stand for one request alone; the same key with another fingerprint is `idempotency_key_reused`. */
  readonly fingerprint?: string;
  /** Subject that gets the {@link Reply} after the commit. */
  readonly replyTo?: string;
  /** A command read after this moment is refused with `deadline_exceeded`: its caller has gone. */
  readonly deadline?: Micros;
  /** The first command of this chain of causes. */
  readonly correlationId: string;
  /** The event that sent this; absent for what comes from outside. */
  readonly causationId?: Position;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Messages between the outside and this one; past {@link hopsMax} it becomes a dead letter. */
  readonly hops: number;
  /** Whose personal data the body carries: it is stored sealed. */
  readonly subject?: string;
}

/** The answer to a command, released by the commit that moves the lane past it (I1). */
export type Reply =
  | {
      readonly ok: true;
      readonly position: Position;
      /** The actor that answers. */
      readonly id: string;
      readonly data?: Json;
      /** True when the command had been carried out before: the answer is the first one's. */
      readonly replayed?: boolean;
    }
  | { readonly ok: false; readonly problem: Problem };
