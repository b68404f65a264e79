import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/nats-core';
import { expect, test } from 'vitest';
import { until } from '../testing/until.ts';
import type { Wire } from './connection.ts';
import { Reader } from './reader.ts';

/** A server that lets the test push: what the client library does when bytes arrive, without the bytes. */
function scriptedServer() {
  let push: ((message: Msg) => void) | undefined;
  const hear = (_subject: string, listener: typeof push) => {
    push = listener;
    return { unsubscribe: () => {} };
  };
  const wire = { hear, inbox: '_INBOX.test', connected: () => true, onConnection: () => () => {} } as unknown as Wire;
  const jsm = { consumers: { add: async () => ({}) } } as unknown as JetStreamManager;
  const deliver = (n: number) => push?.({ reply: `$JS.ACK.stream.consumer.1.${n}.${n}.1700000000000000000.0` } as Msg);
  return { wire, jsm, deliver };
}

test('messages that arrive together are all delivered, also behind one that was dealt with at once', async () => {
  const { wire, jsm, deliver } = scriptedServer();
  const taken: number[] = [];
  const reader = await Reader.open(wire, jsm, {
    stream: 'stream',
    filter: 'filter',
    after: 0,
    deliver: ({ sequence }) => void taken.push(sequence),
  });
  for (const n of [1, 2, 3]) deliver(n);
  await until(() => taken.length === 3);
  expect(taken).toEqual([1, 2, 3]);
  await reader.stop();
});

test('a message is not delivered before the one in front of it was dealt with', async () => {
  const { wire, jsm, deliver } = scriptedServer();
  const taken: number[] = [];
  let dealtWith = () => {};
  const reader = await Reader.open(wire, jsm, {
    stream: 'stream',
    filter: 'filter',
    after: 0,
    deliver: ({ sequence }) => {
      taken.push(sequence);
      return sequence === 1 ? new Promise((resolve) => (dealtWith = resolve)) : undefined;
    },
  });
  for (const n of [1, 2]) deliver(n);
  await new Promise(setImmediate);
  expect(taken).toEqual([1]);
  dealtWith();
  await until(() => taken.length === 2);
  await reader.stop();
});
