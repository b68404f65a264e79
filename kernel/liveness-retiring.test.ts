import { expect, it } from 'vitest';
import type { Behavior } from './behavior.ts';
import type { Json } from './envelope.ts';
import { Live } from './live.ts';
import { Liveness } from './liveness.ts';
import { ManualClock } from './memory/clock.ts';
import { boxId } from './testing/world.ts';

const leaver = { type: 'box', retiring: (state: { readonly leaves: boolean }) => state.leaves } as unknown as Behavior;
const id = boxId('w');

it('tells the very incarnation that is to go, once that is committed and by whoever owns it', () => {
  const live = new Live({ org: 'o', type: 'box', id }, leaver);
  let standing: 'elsewhere' | Live = live;
  const answers: Json[] = [];
  const liveness = new Liveness(
    new ManualClock(),
    {
      attemptLost: () => {},
      presenceLost: () => {},
      presenceHeard: () => true,
      answer: (_org, _worker, message) => answers.push(message),
      standing: () => standing,
      ownedShards: () => [3],
    },
    () => {},
  );
  liveness.start();
  const told = (incarnation: string): Json => {
    liveness.heard('o', id, { incarnation, slots: 1, free: 1, pools: [], types: [], running: [] });
    return answers.at(-1) as Json;
  };
  const stays = { shards: [3], stop: [], signals: [] };
  live.state = { leaves: false };
  liveness.presence(live, 'i1');
  expect(told('i1')).toEqual(stays);
  live.state = { leaves: true };
  expect(told('i2')).toEqual(stays);
  expect(told('i1')).toEqual({ ...stays, drain: true });
  standing = 'elsewhere';
  expect(told('i1')).toEqual(stays);
  liveness.stop();
});
