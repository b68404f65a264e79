import { keyBytes } from '../../kernel/address.ts';
import { micros, type Position, positionOf, type Shard, shard } from '../../kernel/brand.ts';
import { type BodyParts, type EventShapes, encodeBody, type Sealer } from '../../kernel/codec.ts';
import type { StoredEvent } from '../../kernel/event.ts';
import { timeId } from '../../kernel/ids.ts';
import { ManualClock } from '../../kernel/memory/clock.ts';
import { MemoryLog } from '../../kernel/memory/log.ts';
import { seededRandom } from '../../kernel/random.ts';
import { Chain, type EventDraft } from '../../kernel/testing/chain.ts';

const prefixes: { readonly [type: string]: string } = {
  agent: 'ag',
  goal: 'gl',
  task: 'gl',
  worker: 'wk',
  'dead-letter': 'dl',
  name: 'nm',
  supervision: 'sv',
};

/** Ids as the domain spells them; `systemPrompt` and task results are personal. */
export const shapes: EventShapes = {
  ids: (type) => {
    const prefix = prefixes[type];
    return prefix === undefined ? undefined : { prefix };
  },
  personal: (type, event) =>
    event === 'AgentSpawned' ? ['systemPrompt'] : type === 'task' && event === 'TaskCompleted' ? ['result'] : [],
};

export interface Happening {
  readonly org?: string;
  readonly actor: string;
  readonly id: string;
  readonly type: string;
  readonly data: object;
  readonly sealer?: Sealer;
  readonly traceparent?: string;
}

/** Writes histories: real events, hashed and numbered, in the event store in memory. */
export class Story {
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  readonly #chains: Chain[] = [];
  readonly #versions = new Map<string, number>();
  readonly #shards: number;
  #ids = 0;
  /** Microseconds: each event is one later than the one before it. */
  at = 1_700_000_000_000_000;

  constructor(shards = 4, clock = new ManualClock()) {
    this.#shards = shards;
    this.clock = clock;
    this.log = new MemoryLog(clock, seededRandom(Buffer.from('story')), shards);
  }

  async begin(): Promise<this> {
    for (const row of await this.log.claim('story', 3_600_000)) this.#chains[row.shard] = new Chain(row);
    return this;
  }

  get shards(): number {
    return this.#shards;
  }

  /** A new id; later ones sort behind earlier ones. */
  id(prefix: string): string {
    const entropy = Buffer.alloc(10);
    entropy.writeUInt32BE(this.#ids++, 6);
    return timeId(prefix, Math.floor(this.at / 1000), entropy);
  }

  /** Commits these events together, in one shard. */
  async commit(of: number, happenings: readonly Happening[]): Promise<readonly StoredEvent[]> {
    const chain = this.#chains[of] as Chain;
    const part = chain.part(happenings.map((one) => this.#draft(one)));
    const { written } = await this.log.commit([part]);
    if (!written.has(shard(of))) throw new Error(`shard ${of} was not written`);
    chain.landed(part);
    return part.events;
  }

  /** Where the shard's log ends. */
  position(of: number): Position {
    return positionOf(shard(of), (this.#chains[of] as Chain).row.seq);
  }

  /** All that was committed, by shard. */
  all(of: number): readonly StoredEvent[] {
    return this.log.all(shard(of) as Shard);
  }

  #draft({ org = 'default', actor, id, type, data, sealer, traceparent }: Happening): EventDraft {
    const name = `${org}/${actor}/${id}`;
    const version = (this.#versions.get(name) ?? 0) + 1;
    this.#versions.set(name, version);
    this.at += 1000;
    const parts: BodyParts = {
      data,
      commandId: `c${this.at}`,
      principal: 'key:test',
      correlationId: `c${this.at}`,
      personal: shapes.personal(actor, type),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    return {
      org,
      actorType: actor,
      actorKey: keyBytes(id),
      version,
      type,
      at: micros(this.at),
      body: encodeBody(parts, sealer),
    };
  }
}
