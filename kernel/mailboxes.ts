import { type Address, addressKey } from './address.ts';
import { inboxBytesMax, processInboxBytesMax } from './bounds.ts';
import type { Envelope } from './envelope.ts';
import type { Load } from './inbox.ts';
import type { Live } from './live.ts';
import { isOpen, type SupervisionState } from './supervision.ts';

/** Whose turn it is: who keeps the mailbox, and the oldest in it, at least one. */
export interface Turn {
  readonly keeper: Live;
  readonly commands: readonly (Envelope | undefined)[];
}

interface Noted {
  readonly commands: number;
  readonly bytes: number;
}

const nothing: Noted = { commands: 0, bytes: 0 };

/**
 * The mailboxes of a shard: of each actor that is held back, or has commands that wait in its log, who keeps them (its
 * supervision). Those that may go on take turns: one org after the other, and within an org one actor after the other.
 */
export class Mailboxes {
  readonly #load: Load;
  readonly #keepers = new Map<string, Live>();
  /** Those with something to decide, by org; who had a turn goes to the end. */
  readonly #turns = new Map<string, Map<string, Live>>();
  readonly #noted = new Map<string, Noted>();
  readonly #commandsOf = new Map<string, number>();
  #bytes = 0;

  /** Their bytes count among those that wait in the whole process. */
  constructor(load: Load = { bytes: 0 }) {
    this.#load = load;
  }

  /** Whether every actor of the shard may be decided at once. */
  get areOpen(): boolean {
    return this.#keepers.size === 0;
  }

  /** Whether a command in one of them may be decided. */
  get wait(): boolean {
    return this.#turns.size > 0;
  }

  /** Whether so many more may wait. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= inboxBytesMax && this.#load.bytes + bytes <= processInboxBytesMax;
  }

  /** Commands that are kept for actors of an org. */
  commandsOf(org: string): number {
    return this.#commandsOf.get(org) ?? 0;
  }

  /** Who keeps the commands for the actor of this name; undefined when it is decided at once. */
  find(name: string): Live | undefined {
    return this.#keepers.get(name);
  }

  /** Commands that are kept for an actor. */
  waitingFor(of: Address): number {
    return this.#noted.size === 0 ? 0 : (this.#noted.get(addressKey(of))?.commands ?? 0);
  }

  /** A keeper has another state. */
  note(keeper: Live): void {
    const state = keeper.state as SupervisionState;
    const { of, status, deferred, deferredBytes } = state;
    const name = addressKey(of);
    this.#count(name, of.org, { commands: deferred.length, bytes: deferredBytes });
    if (isOpen(state)) this.#keepers.delete(name);
    else this.#keepers.set(name, keeper);
    const turns = this.#turns.get(of.org);
    if (status !== 'running' || deferred.length === 0) this.#skip(name, of.org);
    // Its place among the others stays as it was.
    else if (turns) turns.set(name, keeper);
    else this.#turns.set(of.org, new Map([[name, keeper]]));
  }

  #skip(name: string, org: string): void {
    const turns = this.#turns.get(org);
    if (turns?.delete(name) && turns.size === 0) this.#turns.delete(org);
  }

  /** One that could not be loaded to the end keeps nothing. */
  forget(keeper: Live): void {
    const of = (keeper.state as Partial<SupervisionState> | undefined)?.of;
    if (!of) return;
    const name = addressKey(of);
    if (this.#keepers.get(name) !== keeper) return;
    this.#keepers.delete(name);
    this.#count(name, of.org, nothing);
    this.#skip(name, of.org);
  }

  #count(name: string, org: string, now: Noted): void {
    const before = this.#noted.get(name) ?? nothing;
    if (now.commands === 0) this.#noted.delete(name);
    else this.#noted.set(name, now);
    const commands = this.commandsOf(org) + now.commands - before.commands;
    if (commands === 0) this.#commandsOf.delete(org);
    else this.#commandsOf.set(org, commands);
    this.#bytes += now.bytes - before.bytes;
    this.#load.bytes += now.bytes - before.bytes;
  }

  /** Gives the next one its turn: its oldest commands, so many at most, are to be decided. */
  next(most: number): Turn | undefined {
    for (const [org, turns] of this.#turns)
      for (const [name, keeper] of turns) {
        this.#turns.delete(org);
        this.#turns.set(org, turns);
        turns.delete(name);
        turns.set(name, keeper);
        const { deferred } = keeper.state as SupervisionState;
        return { keeper, commands: deferred.slice(0, most).map(({ command }) => command) };
      }
    return undefined;
  }

  /** Forgets all of them: memory is made anew, and they with it. */
  clear(): void {
    this.#keepers.clear();
    this.#turns.clear();
    this.#noted.clear();
    this.#commandsOf.clear();
    this.#load.bytes -= this.#bytes;
    this.#bytes = 0;
  }
}
