import { accept, type Behavior, refuse } from '../kernel/behavior.ts';
import { micros } from '../kernel/brand.ts';

interface Alarm {
  readonly due: number;
  readonly rang: boolean;
}

type AlarmEvent =
  | { readonly type: 'AlarmSet'; readonly data: { readonly due: number } }
  | { readonly type: 'AlarmRang'; readonly data: { readonly due: number } };

/** An actor that waits for one moment, for the benchmark of timers. */
export const alarm: Behavior<Alarm, AlarmEvent> = {
  type: 'alarm',
  ids: { prefix: 'al' },
  version: 1,
  events: { AlarmSet: 1, AlarmRang: 1 },
  decide(state, verb, body) {
    if (verb !== 'timer' || !state) return refuse('rejected', 'not_found', 'an alarm only waits');
    const isMeant = !state.rang && (body as { generation?: number }).generation === 1;
    return accept<AlarmEvent>(isMeant ? [{ type: 'AlarmRang', data: { due: state.due } }] : []);
  },
  evolve: (_state, { type, data: { due } }) => ({ due, rang: type === 'AlarmRang' }),
  timers: ({ due, rang }) => (rang ? [] : [{ name: 'ring', at: micros(due), generation: 1 }]),
  idle: ({ rang }) => rang,
};
