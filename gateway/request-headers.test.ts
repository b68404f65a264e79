import { describe, expect, it } from 'vitest';
import { waitDefaultMs, waitMaxMs } from './bounds.ts';
import { afterPosition, expectJson, idempotencyKey, matchesEtag, traceParent, waitMs } from './request-headers.ts';

const malformed = expect.objectContaining({ code: 'malformed_header' });

describe('Idempotency-Key', () => {
  it('is 1 to 255 visible ASCII characters, or absent', () => {
    expect(idempotencyKey('')).toBeUndefined();
    for (const key of ['k', '!~', 'k'.repeat(255)]) expect(idempotencyKey(key)).toBe(key);
    for (const key of ['a b', 'k'.repeat(256), 'ключ', 'a\tb', '\x7f'])
      expect(() => idempotencyKey(key)).toThrow(malformed);
  });

  it('is refused with a reason where a repeat could not be one', () => {
    expect(idempotencyKey('', 'it goes on')).toBeUndefined();
    expect(() => idempotencyKey('k', 'it goes on')).toThrow('Idempotency-Key: expected none here: it goes on');
  });
});

describe('Astra-After and Astra-Wait', () => {
  it('are a position, and milliseconds up to a bound', () => {
    expect(afterPosition('63:12')).toBe('63:12');
    for (const text of ['', '1', '1:', ':1', '01:1', '1:-1', '1:1:1', ' 1:1'])
      expect(() => afterPosition(text)).toThrow(malformed);
    expect([waitMs(''), waitMs('0'), waitMs(String(waitMaxMs))]).toEqual([waitDefaultMs, 0, waitMaxMs]);
    for (const text of [String(waitMaxMs + 1), '-1', '1.5', '1e3', '0x10', 'now', '000001'])
      expect(() => waitMs(text)).toThrow(malformed);
  });
});

describe('Content-Type', () => {
  it('has to be JSON in UTF-8', () => {
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json; charset=utf-8',
      'application/json;charset="UTF-8"',
      'application/json; version=1',
    ])
      expect(() => expectJson(type)).not.toThrow();
    for (const type of [
      '',
      'text/json',
      'application/json+x',
      'application/json; charset=latin1',
      'text/plain, application/json',
    ])
      expect(() => expectJson(type)).toThrow(expect.objectContaining({ code: 'unsupported_media_type' }));
  });
});

describe('traceparent', () => {
  it('is taken when it is one, and is as if absent otherwise', () => {
    const good = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect(traceParent(good)).toBe(good);
    for (const bad of [
      '',
      good.toUpperCase(),
      `01${good.slice(2)}`,
      `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
      `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
      `${good}-x`,
    ])
      expect(traceParent(bad)).toBeUndefined();
  });
});

describe('If-None-Match', () => {
  it('names a tag, one of several, weakly, or any', () => {
    for (const header of ['"a"', '*', 'W/"a"', '"b", "a"', '"b",W/"a"'])
      expect([header, matchesEtag(header, '"a"')]).toEqual([header, true]);
    for (const header of ['', 'a', '"b"', '"aa"', '"b", "c"'])
      expect([header, matchesEtag(header, '"a"')]).toEqual([header, false]);
  });
});
