import { type Msg, type Subscription as NatsSubscription, nuid } from '@nats-io/nats-core';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Json } from '../envelope.ts';
import { pingMs, reconnectMs, requestMs } from './bounds.ts';
import { natsError } from './errors.ts';
import { type Names, namesOf } from './names.ts';

export interface NatsOptions {
  /** One URL, or several with commas. User and password in it, or beside it. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Shows up in the server's connection list. */
  readonly name: string;
  /** First token of every subject; `astra` by default. */
  readonly subjectRoot?: string;
  /** Before every stream's name; nothing by default. */
  readonly streamPrefix?: string;
}

/** A connection and the names used on it. */
export interface Wire {
  readonly nc: NatsConnection;
  readonly names: Names;
  /** Where this connection alone hears what is for it: under the inboxes of its user. */
  readonly inbox: string;
  readonly connected: () => boolean;
  /** Hears a subject. Whatever the listener throws is a defect of its own, and ends the process rather than the connection. */
  readonly hear: (subject: string, listener: (message: Msg) => void) => NatsSubscription;
  /** Calls back on every loss of the connection and on every return of it; returns how to call it off. */
  readonly onConnection: (listener: (state: 'lost' | 'back') => void) => () => void;
}

/**
 * Connects, and stays connected: a lost connection is tried again for ever, with jitter. Throws `unavailable` when the
 * first one cannot be made.
 */
export async function openWire(options: NatsOptions): Promise<Wire> {
  // Processes of one user have subscriptions of one user's permissions; their pids may be the same, in containers.
  const inbox = `_INBOX.${options.user ?? 'any'}.${nuid.next()}`;
  let nc: NatsConnection;
  try {
    const url = options.url.split(',').map((one) => new URL(one));
    const first = url[0] as URL;
    nc = await connect({
      servers: url.map(({ host }) => host),
      name: options.name,
      ...((options.user ?? first.username) ? { user: options.user ?? decodeURIComponent(first.username) } : {}),
      ...((options.password ?? first.password) ? { pass: options.password ?? decodeURIComponent(first.password) } : {}),
      timeout: requestMs,
      pingInterval: pingMs,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectMs,
      reconnectJitter: reconnectMs,
      ignoreAuthErrorAbort: true,
      noAsyncTraces: true,
      inboxPrefix: inbox,
    });
  } catch (error) {
    throw natsError(error);
  }
  let connected = true;
  const listeners = new Set<(state: 'lost' | 'back') => void>();
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type !== 'disconnect' && status.type !== 'reconnect') continue;
      connected = status.type === 'reconnect';
      for (const listener of listeners) listener(connected ? 'back' : 'lost');
    }
  })();
  return {
    nc,
    inbox,
    names: namesOf(options.subjectRoot, options.streamPrefix),
    connected: () => connected && !nc.isClosed(),
    hear: (subject, listener) =>
      nc.subscribe(subject, {
        callback: (_error, message) => {
          try {
            listener(message);
          } catch (defect) {
            // The client would stop reading for good, and tell nobody.
            setImmediate(() => {
              throw defect;
            });
          }
        },
      }),
    onConnection: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** A message's JSON; undefined when it is none. */
export function jsonOf(message: Msg): Json | undefined {
  try {
    return message.json<Json>();
  } catch {
    return undefined;
  }
}
