import { expect, test } from 'vitest';
import { type NatsUser, natsSettings } from './nats-settings.ts';

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

const user: NatsUser = { user: 'a', password: 'b', permissions: { publish: {}, subscribe: {} } };

test('asks for a password unless it is told to serve anyone', () => {
  expect(JSON.parse(natsSettings({ ...settings, users: [user] }))).toHaveProperty('authorization.users', [user]);
  expect(JSON.parse(natsSettings({ ...settings, users: 'anyone' }))).not.toHaveProperty('authorization');
});

test('takes users in accounts', () => {
  const users = { INSIDE: { users: [user], exports: [{ stream: 'a' }] } };
  const written = JSON.parse(natsSettings({ ...settings, users }));
  expect(written).toHaveProperty('accounts', users);
  expect(written).not.toHaveProperty('authorization');
});

test('refuses an empty list of users, which nats-server would take for an open door', () => {
  expect(() => natsSettings({ ...settings, users: [] })).toThrow('at least one NATS user');
  expect(() => natsSettings({ ...settings, users: { INSIDE: { users: [] } } })).toThrow('at least one NATS user');
});

test('offers the status pages on loopback only, and only when asked', () => {
  expect(JSON.parse(natsSettings({ ...settings, users: [user] }))).not.toHaveProperty('http');
  expect(JSON.parse(natsSettings({ ...settings, users: [user], monitorPort: 8333 }))).toHaveProperty(
    'http',
    '127.0.0.1:8333',
  );
});
