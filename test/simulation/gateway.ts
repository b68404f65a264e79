import { type Projections, startProjections } from '../../projections/index.ts';
import { epochMs } from './database.ts';
import { ProcessClock, SimProcess } from './process.ts';
import type { World } from './world.ts';

/** One life of a gateway process: the real projection engine and the real read models. */
export class SimGateway {
  readonly process: SimProcess;
  readonly projections: Projections;
  readonly now: () => number;

  constructor(world: World, name: string) {
    this.process = new SimProcess(name, world.time, world.diceOf(name));
    const clock = new ProcessClock(this.process, epochMs, 5);
    this.now = () => clock.now();
    const log = world.database.portOf(this.process);
    this.projections = startProjections({
      log: world.mutation?.gatewayLog?.(log) ?? log,
      tail: world.network.tailOf(this.process),
      clock,
      shapes: world.registry,
      onProblem: ({ code, detail, cause }) => {
        world.note(`${name}: ${code}, ${detail}`);
        // Nobody rewrites the log here, and no event is beyond the read models.
        if (code === 'event_refused' || code === 'shard_rebuilding')
          world.violate('I5', `${name}: ${code}, ${detail} ${cause instanceof Error ? cause.stack : ''}`);
      },
    });
  }
}
