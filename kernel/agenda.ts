import { type Address, keyBytes } from './address.ts';
import { agendaSlotMs } from './bounds.ts';
import type { Micros } from './brand.ts';
import { encodeId } from './ids.ts';
import type { Registry } from './registry.ts';

/** Bytes of an entry: u32 org, u16 actor type (both by their place in a list), 16 bytes of key. */
const entryBytes = 22;
const slotUs = agendaSlotMs * 1000;

interface Slot {
  bytes: Buffer;
  used: number;
}

/**
 * The actors of a shard that are not in memory and have a timer in the hours ahead, by slots of time: 22 bytes each, where an
 * actor in memory is a thousand. A slot is taken as a whole a little before its time; their own timers, in the wheel by then,
 * know the moment. One that is here twice, or does not wait any more, is loaded in vain and no harm.
 */
export class Agenda {
  readonly #registry: Registry;
  readonly #slots = new Map<number, Slot>();
  readonly #orgs = new Names();
  readonly #types = new Names();
  /** Shards begin their slots one after the other, so that they do not all load at once. */
  readonly #offsetUs: number;
  #size = 0;

  /** `turn`: 0 ≤ turn < 1, the shard's among all. */
  constructor(registry: Registry, turn = 0) {
    this.#registry = registry;
    this.#offsetUs = Math.floor(turn * slotUs);
  }

  get size(): number {
    return this.#size;
  }

  add(org: string, actorType: string, key: Buffer, due: Micros): void {
    const at = Math.floor((due + this.#offsetUs) / slotUs);
    let slot = this.#slots.get(at);
    if (!slot) {
      slot = { bytes: Buffer.allocUnsafeSlow(8 * entryBytes), used: 0 };
      this.#slots.set(at, slot);
    }
    if (slot.used === slot.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(slot.bytes.length * 2);
      slot.bytes.copy(larger);
      slot.bytes = larger;
    }
    slot.bytes.writeUInt32LE(this.#orgs.placeOf(org), slot.used);
    slot.bytes.writeUInt16LE(this.#types.placeOf(actorType), slot.used + 4);
    key.copy(slot.bytes, slot.used + 6, 0, 16);
    slot.used += entryBytes;
    this.#size++;
  }

  addActor({ org, type, id }: Address, due: Micros): void {
    this.add(org, type, keyBytes(id), due);
  }

  /** Whether a slot has begun by then. */
  isDue(by: Micros): boolean {
    for (const at of this.#slots.keys()) if (this.#begin(at) <= by) return true;
    return false;
  }

  #begin(at: number): number {
    return at * slotUs - this.#offsetUs;
  }

  /** Takes the actors of every slot that has begun by then. */
  take(by: Micros): readonly Address[] {
    const out: Address[] = [];
    for (const [at, slot] of this.#slots) {
      if (this.#begin(at) > by) continue;
      this.#slots.delete(at);
      this.#size -= slot.used / entryBytes;
      for (let from = 0; from < slot.used; from += entryBytes) {
        const type = this.#types.at(slot.bytes.readUInt16LE(from + 4));
        const prefix = this.#registry.ids(type)?.prefix;
        // Of a type that this program does not know any more: nobody could decide for it.
        if (prefix === undefined) continue;
        const org = this.#orgs.at(slot.bytes.readUInt32LE(from));
        out.push({ org, type, id: encodeId(prefix, slot.bytes.subarray(from + 6, from + entryBytes)) });
      }
    }
    return out;
  }
}

/** Names by their place in the order they came. */
class Names {
  readonly #places = new Map<string, number>();
  readonly #names: string[] = [];

  placeOf(name: string): number {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.#names.push(name) - 1;
      this.#places.set(name, place);
    }
    return place;
  }

  at(place: number): string {
    return this.#names[place] as string;
  }
}
