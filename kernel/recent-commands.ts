import { recentCommandsMax } from './bounds.ts';
import { type Micros, positionOf, type Seq, type Shard } from './brand.ts';
import type { Envelope, Reply } from './envelope.ts';
import type { RememberedCommand } from './log.ts';

/** The keyed commands of one shard that were carried out lately; older ones are in table `commands` (I3). */
export class RecentCommands {
  readonly #shard: Shard;
  readonly #byId = new Map<string, RememberedCommand>();

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  has(commandId: string): boolean {
    return this.#byId.has(commandId);
  }

  /** Keeps one; beyond the bound the oldest leaves. */
  add(done: RememberedCommand): void {
    if (this.#byId.size >= recentCommandsMax) this.#byId.delete(this.#byId.keys().next().value as string);
    this.#byId.set(done.commandId, done);
  }

  /** Keeps one that was carried out just now, with its first event at `at`. */
  carriedOut({ id, fingerprint = '', to }: Envelope, at: Seq, expiresAt: Micros): RememberedCommand {
    const done: RememberedCommand = { commandId: id, fingerprint, actor: to, seq: at, expiresAt };
    this.add(done);
    return done;
  }

  /** What a command is answered that was carried out before; undefined for a new one. */
  answer(envelope: Envelope): Reply | undefined {
    const done = this.#byId.get(envelope.id);
    if (!done) return undefined;
    if (done.fingerprint === (envelope.fingerprint ?? ''))
      return { ok: true, position: positionOf(this.#shard, done.seq), id: done.actor.id, replayed: true };
    return {
      ok: false,
      problem: {
        kind: 'rejected',
        code: 'idempotency_key_reused',
        detail: 'this idempotency key was used for another request: use a new key, or repeat the same request',
      },
    };
  }
}
