import { expect, test } from 'vitest';
import { natsSettings } from './nats-settings.ts';

const settings = {
  port: 4333,
  monitorPort: undefined,
  storeDirectory: '/data/nats',
  pidFile: '/data/nats/pid',
  logFile: '/data/nats/log',
  maxPayloadBytes: 1024,
};

test('listens on loopback only, with JetStream and the given payload', () => {
  expect(JSON.parse(natsSettings({ ...settings, users: 'anyone' }))).toMatchObject({
    host: '127.0.0.1',
    port: 4333,
    max_payload: 1024,
    jetstream: { store_dir: '/data/nats' },
  });
});

test('lets nobody in without a password when there are users, not even when the list is empty', () => {
  expect(JSON.parse(natsSettings({ ...settings, users: [] }))).toHaveProperty('authorization', { users: [] });
  expect(JSON.parse(natsSettings({ ...settings, users: 'anyone' }))).not.toHaveProperty('authorization');
});

test('offers the status pages on loopback only, and only when asked', () => {
  expect(JSON.parse(natsSettings({ ...settings, users: [] }))).not.toHaveProperty('http');
  expect(JSON.parse(natsSettings({ ...settings, users: [], monitorPort: 8333 }))).toHaveProperty(
    'http',
    '127.0.0.1:8333',
  );
});
