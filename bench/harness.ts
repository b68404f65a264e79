import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../cli/embedded/index.ts';

/** A number, or numbers by name. */
export type Metrics = { readonly [name: string]: number | Metrics };

/** What a benchmark comes to. */
export interface Outcome {
  /** About correctness: nothing lost, doubled or out of order. Never about speed. */
  readonly ok: boolean;
  readonly metrics: Metrics;
  /** What the machine can do at best, measured in the same run, under the same names. */
  readonly floor: Metrics;
  /** Which of several ways of running it this was: part of the name that the result is saved under. */
  readonly variant?: string;
  /** Files that say more, by name: SVG plots. */
  readonly files?: Readonly<Record<string, string>>;
}

/** What a benchmark may use. */
export interface BenchContext {
  /** Length of the measured phase. */
  readonly seconds: number;
  /** The benchmark's own flags. */
  readonly flags: ReadonlyMap<string, string | true>;
  /** Tells people how it goes. */
  say(line: string): void;
  /** A directory that is deleted afterwards. */
  directory(name: string): string;
  /** An empty data directory's Postgres, or the one that `DATABASE_URL` names. */
  postgres(): Promise<{ readonly url: string; readonly given: boolean; readonly pid?: number }>;
  /** Called in reverse order when the benchmark has ended, however it did. */
  defer(undo: () => Promise<unknown> | unknown): void;
  /** Runs the measured part, with a CPU profile of this process when `--profile` asks for one. */
  profiled<T>(name: string, run: () => Promise<T>): Promise<T>;
}

export interface Bench {
  /** One line for the list of benchmarks. */
  readonly about: string;
  readonly seconds: number;
  run(context: BenchContext): Promise<Outcome>;
}

export interface BenchArguments {
  readonly seconds: number | undefined;
  readonly out: string | undefined;
  readonly profile: boolean;
  readonly flags: ReadonlyMap<string, string | true>;
}

/** Runs a benchmark and prints its result as the last line. Returns whether it was correct. */
export async function runBench(name: string, bench: Bench, args: BenchArguments): Promise<boolean> {
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const out = args.out ?? (args.profile ? '.' : undefined);
  if (out !== undefined) mkdirSync(out, { recursive: true });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const defer = (call: () => Promise<unknown> | unknown): void => void undo.push(call);
  const directory = (part: string): string => {
    const made = mkdtempSync(join(tmpdir(), `astra-bench-${part}-`));
    // Its servers may run under another account.
    chmodSync(made, 0o711);
    defer(() => rmSync(made, { recursive: true, force: true }));
    return made;
  };
  const context: BenchContext = {
    seconds: args.seconds ?? bench.seconds,
    flags: args.flags,
    say,
    directory,
    defer,
    postgres: async () => {
      const given = process.env['DATABASE_URL'];
      if (given) return { url: given, given: true };
      const server = await startPostgres({ dataDir: join(directory('postgres'), 'data'), log: say });
      defer(() => server.stop());
      return { url: server.url, given: false, pid: server.pid };
    },
    profiled: (part, run) =>
      args.profile ? profile(join(out as string, `${name}-${part}.cpuprofile`), run, say) : run(),
  };
  try {
    const { ok, metrics, floor, variant, files = {} } = await bench.run(context);
    const result = JSON.stringify({ bench: name, ok, metrics, floor, env: environment(context.seconds) });
    if (args.out !== undefined) {
      writeFileSync(join(args.out, `${name}${variant === undefined ? '' : `-${variant}`}.json`), `${result}\n`);
      for (const [file, content] of Object.entries(files)) writeFileSync(join(args.out, file), content);
    }
    while (undo.length > 0) await undo.pop()?.();
    say(result);
    return ok;
  } finally {
    while (undo.length > 0) await undo.pop()?.();
  }
}

function environment(seconds: number): Readonly<Record<string, string | number>> {
  const all = cpus();
  return {
    at: new Date().toISOString(),
    seconds,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: all[0]?.model ?? 'unknown',
    cpus: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

/** Writes a CPU profile, for the performance panel of Chrome or any other reader of .cpuprofile. */
async function profile<T>(file: string, run: () => Promise<T>, say: (line: string) => void): Promise<T> {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  try {
    return await run();
  } finally {
    const { profile: taken } = await session.post('Profiler.stop');
    session.disconnect();
    writeFileSync(file, JSON.stringify(taken));
    say(`CPU profile: ${file}`);
  }
}
