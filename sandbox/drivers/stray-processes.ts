import { readdirSync, readFileSync } from 'node:fs';

/** Names the sandbox of a process, in the environment that its children inherit. */
export const markerName = 'ASTRA_SANDBOX';

/**
 * Kills every process whose environment carries a marker that begins so: what left its process group (`setsid`) is
 * still found by it. Best effort: a process may clear its environment, and only Linux shows it. Returns how many.
 */
export function killStrays(marker: string): number {
  let killed = 0;
  // Again while something is found: it may have forked meanwhile.
  for (let round = 0; round < 5; round++) {
    const found = strays(marker);
    if (found.length === 0) break;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
        killed++;
      } catch {
        // Gone already.
      }
    }
  }
  return killed;
}

function strays(marker: string): readonly number[] {
  const wanted = Buffer.from(`${markerName}=${marker}`);
  const found: number[] = [];
  for (const name of entries()) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`);
      const at = environment.indexOf(wanted);
      if (at === 0 || (at > 0 && environment[at - 1] === 0)) found.push(pid);
    } catch {
      // Gone, or somebody else's.
    }
  }
  return found;
}

function entries(): readonly string[] {
  try {
    return readdirSync('/proc');
  } catch {
    return [];
  }
}
