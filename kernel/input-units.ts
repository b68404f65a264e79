import type { Shard } from './brand.ts';
import type { Careful } from './careful.ts';
import type { ReadEnvelope } from './codec.ts';
import type { Standing } from './deferring.ts';
import type { Envelope, Reply } from './envelope.ts';
import type { Problem } from './errors.ts';
import { decideEntries } from './lane-entries.ts';
import { release } from './mailbox.ts';
import type { Turn } from './mailboxes.ts';
import type { Parked } from './parking.ts';
import type { Poisoned } from './poisoned.ts';
import type { WaitingMessage } from './refusal.ts';
import type { Input } from './shard-inputs.ts';
import type { ShardMemory } from './shard-memory.ts';
import { loneOf } from './shares.ts';
import type { Source, Unit } from './unit.ts';

type Answer = ((reply: Reply) => void) | undefined;

/** How a command came: whom it is answered to, where that is not said in it, and its place in a batch. */
interface How {
  readonly answer?: Answer;
  readonly entry?: number;
  readonly standing?: Standing | undefined;
}

/** Makes the units of a shard's inputs: what is new is decided, what has failed before is parked, or given up. */
export class InputUnits {
  readonly #shard: Shard;
  readonly #memory: ShardMemory;
  readonly #poisoned: Poisoned;
  readonly #careful: Careful;
  /** What is being decided, and which entry of a batch: what fails is parked. */
  source: Source | undefined;
  entry: number | undefined;

  constructor(shard: Shard, memory: ShardMemory, poisoned: Poisoned, careful: Careful) {
    this.#shard = shard;
    this.#memory = memory;
    this.#poisoned = poisoned;
    this.#careful = careful;
  }

  /** The unit of an input. */
  begin(source: Source): Unit {
    this.source = source;
    this.entry = undefined;
    return this.#memory.decider.begin(source);
  }

  /** Decides what the input asks. Returns a promise only when something has to be fetched first. */
  decide(unit: Unit, input: Input): void | Promise<void> {
    switch (input.kind) {
      case 'own': {
        const { envelope } = input.effect;
        return 'open' in envelope ? this.#decideRead(unit, envelope) : this.#decideOne(unit, envelope);
      }
      case 'local':
        return this.#decideOne(unit, input.local.envelope);
      case 'channel':
        return this.#decideRead(unit, input.effect.envelope);
      case 'kept':
        return this.#decideKept(unit, input.turn);
      case 'put off':
        unit.answers.push(...input.refused);
        return input.run.length > 0 ? this.#memory.decider.defer(unit, input.run) : undefined;
      case 'lane':
        return this.#decideMessage(unit, input.message, input.standing);
    }
  }

  /** Where an input is from; undefined when there is nothing to decide (a message seen before). */
  sourceOf(input: Input): Source | undefined {
    switch (input.kind) {
      case 'own':
        return { kind: 'channel', from: this.#shard, n: input.effect.n };
      case 'local':
        return { kind: 'local', envelope: input.local.envelope };
      case 'kept': {
        const { keeper, commands } = input.turn;
        const envelope = commands[0] ?? release(keeper, commands.length, undefined);
        return commands.length > 1 ? { kind: 'local', envelope, isSeveral: true } : { kind: 'local', envelope };
      }
      case 'put off':
        return this.#laneSource({ kind: 'lane', position: input.position, isSeveral: true });
      case 'lane':
        return this.#laneSource({ kind: 'lane', position: input.message.position });
      case 'channel': {
        const { from, n, sequence } = input.effect;
        // I4: exactly the next one of its channel; what came before is dropped, and what is missing comes again.
        if (n !== this.#memory.decider.got(from) + 1 || from === this.#shard) return undefined;
        return { kind: 'channel', from, n, sequence };
      }
    }
  }

  /** The lane may have been opened again while what it brought waited to be tried, and have brought it a second time. */
  #laneSource(source: Extract<Source, { kind: 'lane' }>): Source | undefined {
    const { position } = source;
    const { lane } = this.#memory.decider;
    return position.generation === lane.generation && position.sequence <= lane.sequence ? undefined : source;
  }

  #decideRead(unit: Unit, read: ReadEnvelope): void | Promise<void> {
    const { cache } = this.#memory;
    const { kid } = read;
    if (kid === undefined || cache.key(kid)) return this.#decideOne(unit, read.open(cache.key));
    return cache.learnKids([kid]).then(() => this.#decideOne(unit, read.open(cache.key)));
  }

  /** They leave their mailbox in the unit that decides them, whatever comes of it. */
  async #decideKept(unit: Unit, { keeper, commands }: Turn): Promise<void> {
    await this.#memory.decider.tell(keeper, unit, release(keeper, commands.length, commands[0]));
    for (const command of commands) {
      if (!command) continue;
      // Which of them it is, should it fail.
      if (commands.length > 1) this.source = { kind: 'local', envelope: command };
      await this.#decideOne(unit, command, { standing: 'released' });
    }
  }

  #decideMessage(unit: Unit, message: WaitingMessage, standing: Standing | undefined): void | Promise<void> {
    if (message.refused) return void unit.answers.push(message.refused);
    const lone = loneOf(message);
    if (lone) return this.#decideOne(unit, lone, { standing });
    return decideEntries(unit, message, {
      decide: (index, envelope, answer) => {
        this.entry = index;
        const tried = this.#careful.entry(index);
        if (tried)
          return tried.then(() => this.#decideOne(unit, envelope, { answer, entry: index, standing: 'batch' }));
        return this.#decideOne(unit, envelope, { answer, entry: index, standing: 'batch' });
      },
      park: (index, { org, payload, reason }, answer) => {
        this.entry = index;
        const problem: Problem = { kind: 'rejected', code: 'invalid_input', detail: reason };
        return this.#parkOne(unit, { org, payload }, problem, answer, index);
      },
    });
  }

  /** Decides a command, or parks the one that failed where nothing may fail. */
  #decideOne(unit: Unit, envelope: Envelope, { answer, entry, standing }: How = {}): void | Promise<void> {
    const poison = this.#poisoned.find(unit.source, entry);
    if (!poison) return this.#memory.decider.decide(unit, envelope, answer, standing);
    const { replyTo } = envelope;
    const told = replyTo === undefined ? undefined : (reply: Reply) => void unit.answers.push({ replyTo, reply });
    return this.#parkOne(unit, envelope, poison.problem, answer ?? told, entry);
  }

  /** Parks a message, or gives it up when that failed before. */
  #parkOne(unit: Unit, what: Parked, problem: Problem, answer: Answer, entry?: number): void | Promise<void> {
    const poison = this.#poisoned.find(unit.source, entry);
    if (poison?.treatment !== 'give up') return this.#memory.decider.park(unit, what, problem, answer);
    answer?.({ ok: false, problem: poison.problem });
  }
}
