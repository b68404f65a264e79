import { type Address, addressKey } from './address.ts';
import { actorShareMax, orgSeenMs, sharedWindowMin } from './bounds.ts';
import type { LaneMessage } from './bus.ts';
import type { Clock } from './clock.ts';
import type { Standing } from './deferring.ts';
import type { Envelope } from './envelope.ts';
import { deadLetterType } from './parking.ts';
import { supervisionType } from './supervision.ts';

const never: ReadonlySet<string> = new Set();

/** A command that is alone in its message. What workers say in batches ends load, and is bounded by what they were given. */
export function loneOf({ entries, replyTo }: LaneMessage): Envelope | undefined {
  const entry = entries.length === 1 && replyTo === undefined ? entries[0] : undefined;
  return entry?.ok ? entry.envelope : undefined;
}

/**
 * Who has more than a share of what waits in a lane: an actor with more than an eighth of a full window, and an org with more
 * than half of it while others use the shard too. A lane that is short is nobody's: then nothing is counted.
 */
export class Shares {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #actors = never;
  #orgs = never;
  /** When each org was last seen in a full window. */
  readonly #seenMs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Counts what waits: once a turn. `commands` is how many these messages bring. */
  look(commands: number, waiting: Iterable<LaneMessage>): void {
    this.#actors = never;
    this.#orgs = never;
    if (commands < sharedWindowMin) return;
    const actors = new Map<string, number>();
    const orgs = new Map<string, number>();
    let lone = 0;
    for (const message of waiting) {
      const envelope = loneOf(message);
      if (!envelope || isKeeper(envelope.to)) continue;
      const { to } = envelope;
      lone++;
      const name = addressKey(to);
      actors.set(name, (actors.get(name) ?? 0) + 1);
      orgs.set(to.org, (orgs.get(to.org) ?? 0) + 1);
    }
    const isShared = this.#see(orgs);
    if (lone < sharedWindowMin) return;
    this.#actors = above(actors, actorShareMax);
    if (isShared) this.#orgs = above(orgs, lone / 2);
  }

  /** Whether there is more than one org to share with. */
  #see(orgs: ReadonlyMap<string, number>): boolean {
    const now = this.#clock.monotonicMs();
    for (const org of orgs.keys()) this.#seenMs.set(org, now);
    for (const [org, seenMs] of this.#seenMs) if (now - seenMs > orgSeenMs) this.#seenMs.delete(org);
    return this.#seenMs.size > 1;
  }

  /** What comes for this actor has to go behind what others wait for, when that is said. */
  standingOf(to: Address): Standing | undefined {
    if (this.#actors.size === 0 && this.#orgs.size === 0) return undefined;
    if (isKeeper(to)) return undefined;
    if (this.#actors.has(addressKey(to))) return 'actor exceeds';
    return this.#orgs.has(to.org) ? 'org exceeds' : undefined;
  }
}

/** Keepers have nobody who keeps for them. */
const isKeeper = ({ type }: Address): boolean => type === supervisionType || type === deadLetterType;

function above(counts: ReadonlyMap<string, number>, share: number): ReadonlySet<string> {
  let out: Set<string> | undefined;
  for (const [name, count] of counts) {
    if (count <= share) continue;
    out ??= new Set();
    out.add(name);
  }
  return out ?? never;
}
