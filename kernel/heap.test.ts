import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

test('a heap gives back what was put in, the first of all at any time', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 50 }) }),
    fc.constant('pop' as const),
    fc.record({ keepOdd: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new Heap<number>((one, other) => one < other);
      let model: number[] = [];
      for (const one of steps) {
        if (one === 'pop') expect(heap.pop()).toBe(model.shift());
        else if ('push' in one) {
          heap.push(one.push);
          model = [...model, one.push].sort((a, b) => a - b);
        } else {
          const isWanted = (n: number): boolean => n % 2 === Number(one.keepOdd);
          heap.keep(isWanted);
          model = model.filter(isWanted);
        }
        expect(heap.size).toBe(model.length);
        expect(heap.peek()).toBe(model[0]);
      }
    }),
  );
});
