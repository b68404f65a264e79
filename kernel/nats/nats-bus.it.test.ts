import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { generation, shard } from '../brand.ts';
import type { LaneMessage } from '../bus.ts';
import { timeId } from '../ids.ts';
import { until } from '../testing/until.ts';
import { openNatsBus } from './index.ts';

const of = generation(0);
const lane = shard(3);
const start = { generation: of, sequence: 0, time: '0' };

let bus: Awaited<ReturnType<typeof openNatsBus>>;

beforeEach(async () => {
  const name = `t${randomBytes(6).toString('hex')}`;
  bus = await openNatsBus({ url: inject('natsUrl'), name, subjectRoot: name, streamPrefix: `${name}_` }, () => {});
  await bus.inspect(of, new Map());
});

afterEach(async () => {
  await bus.close();
});

const send = (id: string) =>
  bus.sendCommand(lane, {
    to: { org: 'acme', type: 'agent', id: timeId('ag', 0, new Uint8Array(10)) },
    verb: 'pause',
    id,
    body: {},
    principal: 'kernel',
    correlationId: id,
    hops: 0,
  });

test('a purge below a position keeps the message there, the very first one of a stream too', async () => {
  const read: LaneMessage[] = [];
  const reader = await bus.openLane(lane, start, (message) => void read.push(message));
  for (const [index, id] of ['one', 'two', 'three'].entries()) {
    await send(id);
    const { position } = await until(() => read[index]);
    expect(position.sequence).toBe(index + 1);
    await bus.purge(lane, position.sequence, position.sequence);
    expect(await bus.inspect(of, new Map([[lane, position]]))).toMatchObject({ state: 'level' });
  }
  await reader.stop();

  const left: LaneMessage[] = [];
  const again = await bus.openLane(lane, start, (message) => void left.push(message));
  await send('four');
  await until(() => left.length === 2);
  expect(left.map(({ position }) => position.sequence)).toEqual([3, 4]);
  await again.stop();
});
