import { randomUUID } from 'node:crypto';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type Msg } from '@nats-io/nats-core';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { NatsOptions } from '../nats/connection.ts';
import { type Names, namesOf } from '../nats/names.ts';

/** A corner of a NATS server for one test, and a connection that may look at all of it. */
export interface NatsCorner {
  readonly names: Names;
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  /** How the code under test connects to it. */
  options(name: string, url?: string): NatsOptions;
  /** Hears a subject; resolves once the server knows. */
  hear(subject: string, listener: (message: Msg) => void): Promise<void>;
  /** Publishes to a stream; resolves with the sequence. */
  put(subject: string, payload: Uint8Array, fields?: Readonly<Record<string, string>>): Promise<number>;
  /** Deletes its streams. */
  wipe(): Promise<void>;
  end(): Promise<void>;
}

export async function natsCorner(url: string): Promise<NatsCorner> {
  const unique = randomUUID().slice(0, 8);
  const subjectRoot = `t${unique}`;
  const streamPrefix = `T${unique}_`;
  const names = namesOf(subjectRoot, streamPrefix);
  const nc = await connect({ servers: new URL(url).host, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const jsm = await jetstreamManager(nc);
  const wipe = async (): Promise<void> => {
    for await (const { config } of jsm.streams.list())
      if (config.name.startsWith(streamPrefix)) await jsm.streams.delete(config.name);
  };
  return {
    names,
    nc,
    jsm,
    options: (name, at = url) => ({ url: at, name, subjectRoot, streamPrefix }),
    hear: async (subject, listener) => {
      nc.subscribe(subject, { callback: (_error, message) => listener(message) });
      await nc.flush();
    },
    put: async (subject, payload, fields = {}) => {
      const h = headers();
      for (const [name, value] of Object.entries(fields)) h.set(name, value);
      return (await jetstream(nc).publish(subject, payload, { headers: h })).seq;
    },
    wipe,
    end: async () => {
      await wipe();
      await nc.close();
    },
  };
}
