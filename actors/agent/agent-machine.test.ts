import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../kernel/envelope.ts';
import { OrgPlayer, wishes } from '../testing/org-player.ts';
import { isSameName } from './state.ts';

function played(of: Parameters<OrgPlayer['play']>[0][], order: readonly number[]): OrgPlayer {
  const player = new OrgPlayer();
  for (const wish of of) player.play(wish);
  let step = 0;
  player.domain.settle((count) => (order[step++ % order.length] ?? 0) % count);
  return player;
}

const stories = fc.record({ of: wishes(40), order: fc.array(fc.nat({ max: 99 }), { minLength: 1, maxLength: 20 }) });
const self = { org: 'default', type: 'agent', id: '' };

describe('agents, in whatever order messages arrive', () => {
  it('hold their names alone, and hold no name that is not theirs', () => {
    fc.assert(
      fc.property(stories, ({ of, order }) => {
        const player = played([...of], order);
        const alive = player.agents().filter(({ state }) => state.status !== 'stopped');
        for (const name of player.names) {
          const called = alive.filter(({ state }) => isSameName(self, state.profile.name, name)).map(({ id }) => id);
          const holder = player.holderOf(name);
          expect(called).toEqual(holder === undefined ? [] : [holder]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('count exactly their goals that are open (I8)', () => {
    fc.assert(
      fc.property(stories, ({ of, order }) => {
        const player = played([...of], order);
        for (const { id, state } of player.agents())
          expect([...state.open.keys()].sort()).toEqual([...player.openGoalsOf(id)].sort());
      }),
      { numRuns: 300 },
    );
  });

  it('know their children that have not stopped, and theirs stop with them and are supervised as they say', () => {
    fc.assert(
      fc.property(stories, ({ of, order }) => {
        const agents = played([...of], order).agents();
        for (const { id, state } of agents) {
          const children = agents.filter((one) => one.state.profile.parentId === id);
          const alive = children.filter((one) => one.state.status !== 'stopped');
          expect([...state.children].sort()).toEqual(alive.map((one) => one.id).sort());
          for (const child of alive) {
            if (state.status === 'stopped') expect(child.state.status).toBe('draining');
            if (state.status === 'draining') expect(child.state.status).toBe('draining');
            expect(child.state.upbringing?.supervision).toEqual(state.profile.supervision);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('and their goals answer every request, and equal ones under one key alike (I3)', () => {
    fc.assert(
      fc.property(stories, ({ of, order }) => {
        const player = played([...of], order);
        const first = new Map<string, { readonly body: string; readonly reply: Extract<Reply, { ok: true }> }>();
        for (const { replyTo, key, body } of player.asked) {
          const reply = player.domain.replies.get(replyTo);
          expect(reply).toBeDefined();
          if (key.endsWith('k0') || !reply?.ok) continue;
          const before = first.get(key);
          if (!before) first.set(key, { body, reply });
          else {
            expect(body).toBe(before.body);
            expect([reply.id, reply.data]).toEqual([before.reply.id, before.reply.data]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are the fold of their events (I5)', () => {
    fc.assert(
      fc.property(stories, ({ of, order }) => {
        const { domain } = played([...of], order);
        const again = domain.replayed();
        for (const { address, state } of domain.actors()) expect(again.find(address).state).toEqual(state);
      }),
      { numRuns: 100 },
    );
  });
});
