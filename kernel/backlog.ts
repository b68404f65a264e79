import { uncommittedBytesMax, uncommittedEventsMax, uncommittedUnitsMax } from './bounds.ts';
import type { Unit } from './unit.ts';

/** The units of a shard that are decided and wait for their commit, in order; the oldest of them are with the writer. */
export class Backlog {
  #units: Unit[] = [];
  #events = 0;
  #bytes = 0;
  #withWriter = 0;

  get empty(): boolean {
    return this.#units.length === 0;
  }

  get events(): number {
    return this.#events;
  }

  /** A bound is reached: nothing more is decided before something is committed. */
  get full(): boolean {
    return (
      this.#units.length >= uncommittedUnitsMax ||
      this.#events >= uncommittedEventsMax ||
      this.#bytes >= uncommittedBytesMax
    );
  }

  /** Whether there are units that the writer does not have yet. */
  get waits(): boolean {
    return this.#units.length > this.#withWriter;
  }

  push(unit: Unit): void {
    this.#units.push(unit);
    this.#events += unit.events.length;
    this.#bytes += unit.bytes;
  }

  /** The oldest units, within what is left of a batch: always at least one. They stay here until they have landed. */
  offer(eventsMax: number, bytesMax: number): readonly Unit[] {
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const unit of this.#units) {
      events += unit.events.length;
      bytes += unit.bytes;
      if (count > 0 && (events > eventsMax || bytes > bytesMax)) break;
      count++;
    }
    this.#withWriter = count;
    return this.#units.slice(0, count);
  }

  /** These, the oldest, are durable. */
  landed(units: readonly Unit[]): void {
    this.#drop(this.#units.splice(0, units.length));
    this.#withWriter = Math.max(0, this.#withWriter - units.length);
  }

  holds(unit: Unit): boolean {
    return this.#units.includes(unit);
  }

  /** Drops a unit and what was decided after it. */
  cut(unit: Unit): void {
    this.#drop(this.#units.splice(this.#units.indexOf(unit)));
    this.#withWriter = Math.min(this.#withWriter, this.#units.length);
  }

  clear(): void {
    this.#units = [];
    this.#events = 0;
    this.#bytes = 0;
    this.#withWriter = 0;
  }

  #drop(units: readonly Unit[]): void {
    for (const { events, bytes } of units) {
      this.#events -= events.length;
      this.#bytes -= bytes;
    }
  }
}
