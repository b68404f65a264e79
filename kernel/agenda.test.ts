import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keyBytes } from './address.ts';
import { Agenda } from './agenda.ts';
import { agendaSlotMs } from './bounds.ts';
import { micros, plusMs } from './brand.ts';
import { derivedId } from './ids.ts';
import { Registry } from './registry.ts';
import { testBehaviors } from './testing/behaviors.ts';

const registry = new Registry(testBehaviors);
const start = micros(1_700_000_000_000_000);

it('gives each actor once, before its time and never a slot too early', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ ms: fc.nat({ max: 3_600_000 }), org: fc.constantFrom('o', 'p'), isNest: fc.boolean() })),
      fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom(0, 0.3, 0.99),
      (waiting, steps, turn) => {
        const agenda = new Agenda(registry, turn);
        const due = new Map<string, number>();
        waiting.forEach(({ ms, org, isNest }, i) => {
          const [type, id] = isNest ? ['nest', derivedId('ns', String(i))] : ['box', derivedId('bx', String(i))];
          agenda.add(org, type, keyBytes(id), plusMs(start, ms));
          due.set(`${org}/${type}/${id}`, ms);
        });
        expect(agenda.size).toBe(due.size);
        let now = 0;
        for (const step of [...steps, 3_700_000]) {
          now += step;
          const isDue = agenda.isDue(plusMs(start, now));
          const taken = agenda.take(plusMs(start, now));
          expect(isDue).toBe(taken.length > 0);
          for (const { org, type, id } of taken) {
            const ms = due.get(`${org}/${type}/${id}`);
            expect(ms).toBeLessThan(now + agendaSlotMs);
            due.delete(`${org}/${type}/${id}`);
          }
          for (const ms of due.values()) expect(ms).toBeGreaterThan(now);
        }
        expect([due.size, agenda.size]).toEqual([0, 0]);
      },
    ),
    { numRuns: 200 },
  );
});

it('leaves out actors of a type that this program does not know', () => {
  const agenda = new Agenda(registry);
  agenda.add('o', 'relic', keyBytes(derivedId('bx', 'a')), start);
  agenda.add('o', 'box', keyBytes(derivedId('bx', 'b')), start);
  expect(agenda.take(start)).toEqual([{ org: 'o', type: 'box', id: derivedId('bx', 'b') }]);
  expect(agenda.size).toBe(0);
});
