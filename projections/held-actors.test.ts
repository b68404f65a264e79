import { describe, expect, it } from 'vitest';
import { shard } from '../kernel/brand.ts';
import { openEvent } from '../kernel/codec.ts';
import { seededRandom } from '../kernel/random.ts';
import { agents } from './agents.ts';
import { RunningProjection } from './projection.ts';
import { StraightFold } from './testing/fold.ts';
import { randomHistory } from './testing/random-history.ts';
import { profile } from './testing/scenes.ts';
import { type Happening, Story, shapes } from './testing/story.ts';

const page = { limit: 100 };
const agent = (story: Story) => {
  const id = story.id('ag');
  const of = { org: 'default', type: 'agent', id };
  const watcher = { actor: 'supervision', id: `sv${id.slice(2)}` };
  return {
    id,
    watcher: watcher.id,
    spawned: { actor: 'agent', id, type: 'AgentSpawned', data: profile() } satisfies Happening,
    about: (type: string, data: object = {}): Happening => ({ ...watcher, type, data }),
    failed: (more: object = {}): Happening => ({
      ...watcher,
      type: 'ActorFailed',
      data: { of, code: 'internal', deadLetter: 'dl_1', windowMs: 60_000, ...more },
    }),
  };
};

describe('actors that are held back', () => {
  it('are those that wait or are suspended; one that goes on is none', async () => {
    const story = await new Story().begin();
    const fold = new StraightFold();
    const { id, watcher, spawned, about, failed } = agent(story);
    const tell = async (...happenings: Happening[]) => fold.apply(await story.commit(0, happenings));
    const held = () => fold.reads.heldActors.list('default', {}, page).items;
    const shown = () => {
      const found = fold.reads.agents.get('default', id);
      return found.kind === 'found' ? [found.view.status, found.view.suspension?.reason] : [];
    };
    await tell(spawned);
    await tell(failed());
    expect(held()).toEqual([]);
    await tell(failed({ until: story.at + 100_000 }));
    expect(held()).toMatchObject([{ id: watcher, status: 'waiting', reason: 'backoff', waiting: 0 }]);
    expect(shown()).toEqual(['active', undefined]);
    await tell(failed({ code: 'killed_process' }), about('ActorSuspended', { reason: 'restarts', deadLetter: 'dl_1' }));
    await tell(about('CommandsDeferred', { commands: [{ command: {}, bytes: 2 }] }));
    await tell(failed({ deadLetter: 'dl_2' }));
    const row = { status: 'suspended', reason: 'restarts', deadLetterId: 'dl_2', waiting: 1 };
    expect(held()).toMatchObject([{ id: watcher, actor: { type: 'agent', id }, ...row }]);
    expect(held()[0]).not.toHaveProperty('until');
    expect(shown()).toEqual(['failed', 'restarts']);
    expect(fold.reads.agents.list('default', { status: 'active' }, page).items).toEqual([]);
    await tell(about('ActorResumed', { by: 'key:test' }));
    expect(held()).toEqual([]);
    expect(shown()).toEqual(['active', undefined]);
    expect(fold.reads.agents.list('default', { status: 'failed' }, page).items).toEqual([]);
  });

  it('are taken over with the shard that was folded beside', async () => {
    const story = await new Story().begin();
    const commits = await randomHistory(story, seededRandom(Buffer.from('held')), 1500);
    const whole = new RunningProjection(agents);
    const stale = new RunningProjection(agents);
    const [half, all] = [commits.slice(0, commits.length / 2).flat(), commits.flat()];
    const apply = (to: RunningProjection<unknown>, events: typeof all) => {
      for (const stored of events) to.apply(openEvent(stored, shapes), stored.body.length);
    };
    apply(whole, all);
    apply(stale, half);
    for (let of = 0; of < story.shards; of++) {
      const beside = stale.beside();
      apply(beside, [...story.all(of)]);
      stale.adopt(beside, shard(of));
    }
    const listed = ({ state }: typeof whole) => state.held.list('default', {}, page).items;
    expect(listed(whole).length).toBeGreaterThan(1);
    expect(listed(stale)).toEqual(listed(whole));
  });
});
