import { readFileSync } from 'node:fs';

/** Ticks of /proc a second, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU milliseconds that a process of this machine has used; undefined where that cannot be read. */
export function processCpuMs(pid: number): number | undefined {
  try {
    // The name, in brackets, may contain anything; behind it, user and system time are the 12th and 13th field.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
  } catch {
    return undefined;
  }
}
