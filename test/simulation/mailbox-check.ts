import { addressKey } from '../../kernel/address.ts';
import type { Shard } from '../../kernel/brand.ts';
import type { EventRecord } from '../../kernel/event.ts';

/** What waits in the mailboxes of actors, by the log alone (I4): what was put there has to come out. */
export class MailboxCheck {
  readonly #waiting = new Map<string, { readonly shard: Shard; count: number }>();

  hear({ actor, type, data, shard }: EventRecord): void {
    if (type !== 'CommandsDeferred' && type !== 'CommandsReleased') return;
    const { commands, count } = data as unknown as { commands?: readonly unknown[]; count?: number };
    const name = addressKey(actor);
    const one = this.#waiting.get(name) ?? { shard, count: 0 };
    one.count += commands ? commands.length : -(count ?? 0);
    if (one.count === 0) this.#waiting.delete(name);
    else this.#waiting.set(name, one);
  }

  /** Whether anything of a shard waits: its lane went past that, and nobody is answered yet. */
  keeps(shard: Shard): boolean {
    for (const one of this.#waiting.values()) if (one.shard === shard) return true;
    return false;
  }

  *open(): Generator<string> {
    for (const [name, { count }] of this.#waiting) yield `${count} commands wait with ${name}`;
  }
}
