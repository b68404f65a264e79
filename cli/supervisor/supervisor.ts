import { wallMs } from '../../kernel/clock.ts';
import { AstraError } from '../../kernel/errors.ts';
import { restartHealthyMs, restartMaxMs, restartMinMs, startAttemptsMax } from '../bounds.ts';
import { Child, type ChildExit, type RoleSpec } from './child.ts';
import type { Output } from './output.ts';

/**
 * Keeps roles running. Each role:
 *
 *   starting ──ready──▶ running ──died──▶ pausing ──▶ starting …
 *      └─died before it was ever ready: tried again, `startAttemptsMax` times in all, then the supervisor gives up
 *
 * A pause doubles from `restartMinMs` to `restartMaxMs`, and begins anew once a role ran for `restartHealthyMs`.
 * Roles stop in the reverse of the order they were started in, one after the other; the processes of one role together,
 * so that none takes over what another one gives up.
 */
export class Supervisor {
  readonly #main: string;
  readonly #output: Output;
  readonly #restart: boolean;
  readonly #onChange: (roles: Readonly<Record<string, number>>) => void;
  readonly #children = new Map<string, Child>();
  readonly #pauses = new Map<string, NodeJS.Timeout>();
  #stopping = false;
  #giveUp: (error: AstraError) => void = () => {};
  /** Settles when a role is beyond help (or died under `--no-restart`). */
  readonly gaveUp: Promise<AstraError>;

  constructor(options: {
    readonly main: string;
    readonly output: Output;
    readonly restart: boolean;
    /** Told the process ids of what runs, whenever they change. */
    readonly onChange: (roles: Readonly<Record<string, number>>) => void;
  }) {
    this.#main = options.main;
    this.#output = options.output;
    this.#restart = options.restart;
    this.#onChange = options.onChange;
    this.gaveUp = new Promise((resolve) => {
      this.#giveUp = resolve;
    });
  }

  /** Starts a role and waits until it runs. Throws what the role said when it cannot start. */
  async start(spec: RoleSpec): Promise<Readonly<Record<string, string | number>>> {
    for (let attempt = 1; ; attempt++) {
      const child = this.#spawn(spec);
      try {
        const details = await child.ready;
        this.#watch(child, wallMs(), restartMinMs);
        return details;
      } catch (error) {
        await child.stop();
        this.#children.delete(spec.name);
        const useless = error instanceof AstraError && error.kind === 'rejected';
        if (useless || attempt >= startAttemptsMax || this.#stopping || !this.#restart) throw error;
        this.#output.say('warn', `${spec.name} did not start; trying again`, { attempt });
      }
    }
  }

  /** Stops every role, last started first; each has its grace, then it is killed. Says whether all went by themselves. */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    for (const pause of this.#pauses.values()) clearTimeout(pause);
    let clean = true;
    const children = [...this.#children.values()].reverse();
    for (const role of new Set(children.map(({ spec }) => spec.role))) {
      const same = children.filter(({ spec }) => spec.role === role);
      const themselves = await Promise.all(same.map((child) => this.#end(child)));
      clean &&= themselves.every((itself) => itself);
    }
    return clean;
  }

  async #end(child: Child): Promise<boolean> {
    const itself = await child.stop();
    if (!itself) this.#output.say('warn', `${child.spec.name} did not stop in time and was killed`);
    return itself;
  }

  /** Kills what still runs: the second Ctrl-C. */
  kill(): void {
    for (const child of this.#children.values()) child.kill();
  }

  #spawn(spec: RoleSpec): Child {
    const child = new Child(spec, this.#main, this.#output);
    this.#children.set(spec.name, child);
    this.#onChange(Object.fromEntries([...this.#children].map(([name, { pid }]) => [name, pid])));
    return child;
  }

  #watch(child: Child, since: number, pauseMs: number): void {
    child.exited.then((exit) => {
      if (this.#stopping) return;
      const { name } = child.spec;
      if (exit.done) {
        this.#output.say('info', `${name}: ${exit.reason}; it is not started again`);
        return;
      }
      const how = exitText(exit);
      if (!this.#restart) {
        this.#giveUp(new AstraError('unavailable', 'role_died', `${name} ${how}; it is not restarted (--no-restart)`));
        return;
      }
      const well = wallMs() - since >= restartHealthyMs;
      const pause = well ? restartMinMs : pauseMs;
      this.#output.say('warn', `${name} ${how}; starting it again`, { pauseMs: pause });
      this.#pauses.set(
        name,
        setTimeout(() => this.#again(child.spec, Math.min(pause * 2, restartMaxMs)), pause),
      );
    });
  }

  #again(spec: RoleSpec, nextPauseMs: number): void {
    this.#pauses.delete(spec.name);
    const child = this.#spawn(spec);
    const since = wallMs();
    child.ready.then(
      () => this.#output.say('info', `${spec.name} is back`, { pid: child.pid }),
      // Slow, or dead (told by `exited`): a slow one is ended, so that it is started again.
      () => {
        if (!this.#stopping) child.kill();
      },
    );
    this.#watch(child, since, nextPauseMs);
  }
}

function exitText(exit: ChildExit): string {
  if (exit.signal) return `was killed by ${exit.signal}`;
  return exit.code === null
    ? `could not be run (${exit.reason})`
    : `ended with code ${exit.code}${exit.reason && exit.code !== 0 ? `: ${exit.reason}` : ''}`;
}
