import type { Effect } from './behavior.ts';
import type { Position } from './brand.ts';
import { encodeEnvelope, type Sealer } from './codec.ts';
import { PoisonedInput } from './contained.ts';
import type { Envelope } from './envelope.ts';
import type { RecordedEffect } from './event.ts';
import type { Live } from './live.ts';

/** The message that effect number `index` of the event at `position` sends; `cause` is the command behind the event. */
export function effectEnvelope(
  live: Live,
  cause: Envelope,
  effect: Extract<Effect, { kind: 'send' }>,
  position: Position,
  index: number,
): Envelope {
  const { as } = effect;
  // What is carried on is the caller's; what an actor says itself is its own.
  const subject = as?.subject ?? (effect.delegate ? (cause.subject ?? live.subject) : (live.subject ?? cause.subject));
  // I3: a keyed command that is carried on is remembered where it is answered.
  const keyed = as ?? (effect.delegate && cause.keyed !== undefined ? cause : undefined);
  return {
    to: effect.to,
    verb: effect.verb,
    id: as?.id ?? (effect.delegate && cause.keyed === 'command' ? cause.id : `${position}:${index}`),
    body: effect.body,
    principal: as?.principal ?? (effect.delegate ? cause.principal : `actor:${live.address.type}/${live.address.id}`),
    correlationId: cause.correlationId,
    causationId: position,
    hops: cause.hops + 1,
    ...(cause.traceparent === undefined ? null : { traceparent: cause.traceparent }),
    ...(subject === undefined ? null : { subject }),
    ...(effect.delegate && cause.replyTo !== undefined ? { replyTo: cause.replyTo } : null),
    ...(keyed?.keyed === undefined ? null : { keyed: keyed.keyed }),
    ...(keyed?.fingerprint === undefined ? null : { fingerprint: keyed.fingerprint }),
  };
}

/** An effect that no message can carry would block its channel for ever. */
export function checkEffects(
  live: Live,
  effects: readonly RecordedEffect[],
  bytesMax: number,
  sealer: Sealer | undefined,
): void {
  for (const { envelope } of effects) {
    const found = encodeEnvelope(envelope, sealer).length;
    if (found <= bytesMax) continue;
    const what = `${envelope.verb} from ${live.behavior.type} to ${envelope.to.type}`;
    const detail = `expected at most ${bytesMax} bytes of ${what}, found ${found}`;
    throw new PoisonedInput({ kind: 'rejected', code: 'message_too_large', detail }, undefined);
  }
}
