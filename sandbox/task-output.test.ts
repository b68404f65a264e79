import { describe, expect, test } from 'vitest';
import type { Json } from '../kernel/envelope.ts';
import { ManualClock } from '../kernel/memory/clock.ts';
import { logHeadBytes, logTailBytes, streamedBytesMax, streamedMessageBytesMax, streamGatherMs } from './bounds.ts';
import { TaskOutput } from './task-output.ts';

interface Piece {
  readonly attempt: number;
  readonly n: number;
  readonly stream: string;
  readonly at: number;
  readonly text: string;
}

function setUp() {
  const clock = new ManualClock();
  const sent: Piece[] = [];
  const output = new TaskOutput(2, clock, (payload: Json) => sent.push(payload as unknown as Piece));
  return { clock, sent, output };
}

describe('TaskOutput', () => {
  test('gathers for a moment, then sends each stream in order with its number', () => {
    const { clock, sent, output } = setUp();
    output.write('stdout', Buffer.from('a'));
    output.write('stdout', Buffer.from('b'));
    output.write('stderr', Buffer.from('c'));
    expect(sent).toEqual([]);
    clock.advance(streamGatherMs);
    expect(sent).toEqual([
      { attempt: 2, n: 1, stream: 'stdout', at: clock.now(), text: 'ab' },
      { attempt: 2, n: 2, stream: 'stderr', at: clock.now(), text: 'c' },
    ]);
  });

  test('puts a character together that chunks cut in two', () => {
    const { sent, output } = setUp();
    const bytes = Buffer.from('é€😀');
    for (const byte of bytes) output.write('stdout', Buffer.from([byte]));
    output.end();
    expect(sent.map(({ text }) => text).join('')).toBe('é€😀');
    expect(output.log().toString()).toBe('é€😀');
  });

  test('a message stays within its bound, whatever is written at once', () => {
    const { sent, output } = setUp();
    output.write('stdout', Buffer.from('😀'.repeat(50_000)));
    output.end();
    expect(sent.length).toBeGreaterThan(1);
    for (const { text } of sent) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(streamedMessageBytesMax);
    expect(sent.map(({ text }) => text).join('')).toBe('😀'.repeat(50_000));
  });

  test('streams up to its bound, and says that more is not streamed', () => {
    const { sent, output } = setUp();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (let i = 0; i < 40; i++) output.write('stdout', chunk);
    output.end();
    const streamed = sent.filter(({ stream }) => stream === 'stdout').reduce((sum, { text }) => sum + text.length, 0);
    expect(streamed).toBeGreaterThanOrEqual(streamedBytesMax);
    expect(streamed).toBeLessThanOrEqual(streamedBytesMax + chunk.length);
    expect(sent.filter(({ text }) => text.includes('not streamed'))).toHaveLength(1);
  });

  test.each([64 * 1024, 1000, 3 * 1024 * 1024])(
    'the log keeps beginning and end, and counts what it left out (chunks of %i)',
    (size) => {
      const { output } = setUp();
      const total = 6 * 1024 * 1024;
      const all = Buffer.alloc(total);
      for (let at = 0; at + 8 <= total; at += 8) all.write(String(at).padStart(7, '0'), at);
      for (let at = 0; at < total; at += size) output.write('stdout', all.subarray(at, at + size));
      const log = output.log();
      const cut = total - logHeadBytes - logTailBytes;
      const line = `\n[astra] ${cut} bytes of output are left out here\n`;
      expect(log.length).toBe(logHeadBytes + line.length + logTailBytes);
      expect(log.subarray(0, logHeadBytes).equals(all.subarray(0, logHeadBytes))).toBe(true);
      expect(log.toString('latin1', logHeadBytes, logHeadBytes + line.length)).toBe(line);
      expect(log.subarray(-logTailBytes).equals(all.subarray(-logTailBytes))).toBe(true);
    },
  );

  test('the log is whole up to both bounds together', () => {
    const { output } = setUp();
    const all = Buffer.alloc(logHeadBytes + logTailBytes, 'y');
    for (let at = 0; at < all.length; at += 100_000) output.write('stderr', all.subarray(at, at + 100_000));
    expect(output.log().equals(all)).toBe(true);
  });
});
