import { readdirSync, readFileSync } from 'node:fs';

/** Names the sandbox of a process, in the environment that its children inherit. */
export const markerName = 'ASTRA_SANDBOX';

/**
 * Kills every process whose environment carries a marker that begins so: what left its process group (`setsid`) is
 * still found by it. Best effort: a process may clear its environment, and only Linux shows it. With the pid of a job's
 * first process only those that may be younger are looked at. Returns how many were killed.
 */
export function killStrays(marker: string, first?: number): number {
  let killed = 0;
  // Again while something is found: it may have forked meanwhile.
  for (let round = 0; round < 5; round++) {
    const found = strays(marker, first);
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

function strays(marker: string, first: number | undefined): readonly number[] {
  const wanted = Buffer.from(`${markerName}=${marker}`);
  const found: number[] = [];
  for (const name of entries()) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || (first !== undefined && !mayFollow(pid, first))) continue;
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

/** Whether a pid may have been given after another one: pids are given upwards, and begin again at the end. */
function mayFollow(pid: number, first: number): boolean {
  pidsMax ??= Number(readText('/proc/sys/kernel/pid_max')) || 2 ** 22;
  return (pid - first + pidsMax) % pidsMax < pidsMax / 2;
}

let pidsMax: number | undefined;

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function entries(): readonly string[] {
  try {
    return readdirSync('/proc');
  } catch {
    return [];
  }
}
