import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyBytes } from './address.ts';
import { epoch, micros, type Position, seq, shard } from './brand.ts';
import {
  decodeEnvelope,
  encodeBody,
  encodeEnvelope,
  erased,
  kidsOfBody,
  openEvent,
  outlineEvent,
  pack,
  sealedEffects,
  unpack,
} from './codec.ts';
import type { Envelope, Json } from './envelope.ts';
import type { StoredEvent } from './event.ts';
import { derivedId } from './ids.ts';

const id = derivedId('gl', 'codec');
const key = { kid: 'k1', key: randomBytes(32) };
const sealer = { key, nonce: () => randomBytes(12) };
const shapes = { ids: () => ({ prefix: 'gl' }), personal: () => ['text'] };

const envelope: Envelope = {
  to: { org: 'default', type: 'goal', id },
  verb: 'submit',
  id: '3:7:0',
  body: { text: 'secret wish', n: 1 },
  principal: 'key:k',
  correlationId: 'c',
  causationId: '3:7' as Position,
  hops: 1,
  keyed: 'create',
  fingerprint: 'f',
  replyTo: 'astra.reply.default.1',
};

const stored = (body: Buffer): StoredEvent => ({
  shard: shard(3),
  seq: seq(7),
  epoch: epoch(1),
  commitSeq: seq(7),
  org: 'default',
  actorType: 'goal',
  actorKey: keyBytes(id),
  version: 1,
  type: 'GoalSubmitted',
  schema: 1,
  at: micros(1),
  body,
  hash: Buffer.alloc(32),
});

describe('the codec', () => {
  it('gives an envelope back as it was', () => {
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
  });

  it('writes plain msgpack: no extension, no record, whatever the value', () => {
    const bytes = pack([{ a: 1, b: 'x' }, { a: 2, b: 'y' }, 1.5, 2 ** 40, true, null]);
    expect(bytes.toString('hex')).toBe('9682a16101a162a17882a16102a162a179cb3ff8000000000000cb4270000000000000c3c0');
    expect(unpack(bytes)).toEqual([{ a: 1, b: 'x' }, { a: 2, b: 'y' }, 1.5, 2 ** 40, true, null]);
  });

  it('refuses bytes that are no envelope with one clear error', () => {
    expect(() => decodeEnvelope(Buffer.from([0x92, 0x01]))).toThrow(/msgpack/);
    expect(() => decodeEnvelope(pack(7))).toThrow(/expected an envelope/);
  });

  it('keeps data, command and effects of an event', () => {
    const body = encodeBody({
      data: { text: 'hello', labels: {} },
      commandId: 'cmd',
      principal: 'key:k',
      correlationId: 'cmd',
      command: { verb: 'submit', body: { text: 'hello' } },
      effects: [{ to: shard(9), n: 4, envelope }],
      personal: ['text'],
    });
    const record = openEvent(stored(body), shapes);
    expect(record.data).toEqual({ text: 'hello', labels: {} });
    expect(record.command).toEqual({ verb: 'submit', principal: 'key:k', body: { text: 'hello' } });
    expect(record.effects).toEqual([{ to: 9, n: 4, envelope }]);
    expect(kidsOfBody(body)).toEqual([]);
  });

  describe('what an event would hold twice', () => {
    const plan = { tasks: [{ key: 'a', type: 'noop' }] };
    const parts = { commandId: 'cmd', principal: 'key:k', correlationId: 'cmd' };
    /** A command's body, the data it brought about, and what an effect carries on of it. */
    const cases: readonly [string, Json, { readonly [key: string]: Json }, Json][] = [
      ['all of the data', { attempt: 1, worker: 'wk_1' }, { attempt: 1, worker: 'wk_1' }, {}],
      ['a field of it', { attempt: 1, result: plan, x: 'short' }, { attempt: 2, result: plan, y: 1 }, { result: plan }],
      ['a field of a field', { goal: { plan, n: 1 }, id: 'i' }, { plan, n: 1, more: true }, { n: 2 }],
      ['fields carried on', { goal: { plan, n: 1 }, id: 'i' }, { id: 'i' }, { to: 'x' }],
      ['nothing', { a: { b: 1 } }, { a: { b: 1 } }, { a: { b: 1 } }],
      ['names that pointers escape', { 'a/b': plan, 'c~d': { 'e/f': plan } }, { 'a/b': plan, 'e/f': plan }, {}],
      ['names of the language', { toString: {}, constructor: plan }, { constructor: plan }, { valueOf: plan }],
      ['no object', [plan], { plan }, [plan]],
      ['null', null, {}, null],
    ];

    it.each(cases)('is held once and read back whole: %s', (_what, body, data, own) => {
      const carried = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
      const effectBody = Array.isArray(own) || own === null ? own : { ...carried, ...(own as object) };
      const effect = { to: shard(9), n: 4, envelope: { ...envelope, body: effectBody } };
      const bytes = encodeBody({ ...parts, data, command: { verb: 'v', body }, effects: [effect] });
      const record = openEvent(stored(bytes), shapes);
      expect(record.data).toEqual(data);
      expect(record.command).toEqual({ verb: 'v', principal: 'key:k', body });
      expect(record.effects).toEqual([effect]);
      expect(decodeEnvelope(sealedEffects(stored(bytes))[0]?.bytes as Buffer)).toEqual(effect.envelope);
      expect(record.correlationId).toBe('cmd');
    });

    it('is there once in the bytes', () => {
      const text = 'a text that is found in the bytes';
      const body = { goal: { text }, deep: { list: [text] } };
      const bytes = encodeBody({
        ...parts,
        data: { text },
        command: { verb: 'v', body },
        effects: [{ to: shard(9), n: 4, envelope: { ...envelope, body: { ...body, admitted: true } } }],
      });
      // Once as the data, and once within a list, which is not looked into; the effect has both from the command.
      expect(bytes.toString('latin1').split(text)).toHaveLength(3);
      expect(bytes.toString('latin1').split('cmd')).toHaveLength(2);
    });

    it('keeps a correlation of its own', () => {
      const bytes = encodeBody({ ...parts, correlationId: 'other', data: {} });
      expect(openEvent(stored(bytes), shapes).correlationId).toBe('other');
    });

    it('counts towards no bound of the recorded command', () => {
      const result = 'x'.repeat(20_000);
      const bytes = encodeBody({ ...parts, data: { result }, command: { verb: 'v', body: { result, n: 1 } } });
      expect(openEvent(stored(bytes), shapes).command).toEqual({
        verb: 'v',
        principal: 'key:k',
        body: { result, n: 1 },
      });
    });

    it('stays apart where it is sealed: each under its own nonce', () => {
      const data = { text: 'secret wish' };
      const bytes = encodeBody({ ...parts, data, command: { verb: 'v', body: data }, personal: ['text'] }, sealer);
      expect(bytes.toString('latin1')).not.toContain('secret wish');
      expect(openEvent(stored(bytes), shapes, () => key).command?.body).toEqual(data);
    });
  });

  it('records a large command by its hash', () => {
    const body = encodeBody({
      data: {},
      commandId: 'cmd',
      principal: 'p',
      correlationId: 'cmd',
      command: { verb: 'submit', body: { text: 'x'.repeat(20_000) } },
    });
    expect(body.length).toBeLessThan(500);
    expect(openEvent(stored(body), shapes).command?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('seals what is personal in event, command and effects, and opens it with the key alone', () => {
    const body = encodeBody(
      {
        data: { text: 'secret wish', priority: 5 },
        commandId: 'cmd',
        principal: 'p',
        correlationId: 'cmd',
        command: { verb: 'submit', body: { text: 'secret wish' } },
        effects: [{ to: shard(9), n: 4, envelope: { ...envelope, subject: 'ada' } }],
        personal: ['text'],
      },
      sealer,
    );
    expect(body.includes('secret wish')).toBe(false);
    expect(kidsOfBody(body)).toEqual(['k1', 'k1']);
    expect(sealedEffects(stored(body))[0]?.bytes.includes('secret wish')).toBe(false);

    const open = openEvent(stored(body), shapes, (kid) => (kid === 'k1' ? key : undefined));
    expect(open.data).toEqual({ text: 'secret wish', priority: 5 });
    expect(open.command?.body).toEqual({ text: 'secret wish' });
    expect(open.effects?.[0]?.envelope.body).toEqual(envelope.body);

    const gone = openEvent(stored(body), shapes);
    expect(gone.data).toEqual({ text: erased, priority: 5 });
    expect(gone.command?.body).toBe(erased);
    expect(gone.effects?.[0]?.envelope.body).toBe(erased);
  });

  it('outlines an event as it opens it', () => {
    const parts = {
      data: { text: 'secret wish', priority: 5 },
      commandId: 'cmd',
      principal: 'p',
      correlationId: 'cmd',
      command: { verb: 'submit', body: { text: 'secret wish' } },
      effects: [{ to: shard(9), n: 4, envelope: { ...envelope, subject: 'ada' } }],
      personal: ['text'],
    };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const keys = () => key;
    const none = () => undefined;
    for (const body of [encodeBody(parts), encodeBody({ ...parts, traceparent }), encodeBody(parts, sealer)])
      for (const lookup of [keys, none]) {
        const { shard, seq, actor, type, at, data, traceparent, kid } = openEvent(stored(body), shapes, lookup);
        const outline = outlineEvent(stored(body), shapes, lookup);
        expect(outline).toEqual({ shard, seq, actor, type, at, data, traceparent, kid });
      }
    expect(outlineEvent(stored(encodeBody({ ...parts, traceparent })), shapes, none).traceparent).toBe(traceparent);
    expect(outlineEvent(stored(encodeBody(parts, sealer)), shapes, none).data).toEqual({ text: erased, priority: 5 });
    expect(() => outlineEvent(stored(pack(7)), shapes, none)).toThrow(/expected a map/);
  });

  it('calls sealed data that was changed corrupt', () => {
    const body = encodeBody(
      { data: { text: 'x' }, commandId: 'c', principal: 'p', correlationId: 'c', personal: ['text'] },
      sealer,
    );
    const wire = unpack(body) as { sealed: { ct: Uint8Array } };
    wire.sealed.ct[0] = (wire.sealed.ct[0] as number) ^ 1;
    expect(() => openEvent(stored(pack(wire)), shapes, () => key)).toThrow(/does not open/);
  });
});
