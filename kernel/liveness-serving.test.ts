import { expect, it } from 'vitest';
import { workerSilenceMs } from './bounds.ts';
import { Liveness, type Verdicts } from './liveness.ts';
import { ManualClock } from './memory/clock.ts';

const deaf: Verdicts = {
  attemptLost: () => {},
  presenceLost: () => {},
  presenceHeard: () => true,
  answer: () => {},
  standing: () => 'elsewhere',
  ownedShards: () => [],
};
const beat = { incarnation: 'i1', slots: 1, free: 1, running: [] };
const route = { pool: 'default', type: 'noop' };

function listening() {
  const clock = new ManualClock();
  const liveness = new Liveness(clock, deaf, () => {});
  liveness.start();
  return { clock, liveness };
}

it('does not say who serves a route before every live worker must have been heard', () => {
  const { clock, liveness } = listening();
  liveness.heard('o', 'wk_a', { ...beat, pools: ['default'], types: ['noop'] });
  expect(liveness.serving('o', route)).toBeUndefined();
  for (let ms = 0; ms <= workerSilenceMs; ms += 1000) {
    clock.advance(1000);
    liveness.heard('o', 'wk_a', { ...beat, pools: ['default'], types: ['noop'] });
  }
  expect(liveness.serving('o', route)).toEqual(['wk_a']);
  liveness.connection('lost');
  expect(liveness.serving('o', route)).toBeUndefined();
  liveness.connection('back');
  expect(liveness.serving('o', route)).toBeUndefined();
  liveness.stop();
});

it('names the live workers of the pool that run the type, of that org alone', () => {
  const { clock, liveness } = listening();
  clock.advance(workerSilenceMs + 1000);
  liveness.heard('o', 'wk_a', { ...beat, pools: ['default', 'gpu'], types: ['noop', 'js'] });
  liveness.heard('o', 'wk_b', { ...beat, pools: ['default'], types: ['js'] });
  liveness.heard('o', 'wk_c', { ...beat, pools: ['gpu'], types: ['noop'] });
  liveness.heard('p', 'wk_d', { ...beat, pools: ['default'], types: ['noop'] });
  expect(liveness.serving('o', route)).toEqual(['wk_a']);
  expect(liveness.serving('o', { pool: 'default', type: 'js' })).toEqual(['wk_a', 'wk_b']);
  clock.advance(workerSilenceMs + 2000);
  expect(liveness.serving('o', route)).toEqual([]);
  liveness.stop();
});
