import type { Clock } from '../kernel/clock.ts';
import type { WorkerLink } from '../kernel/edge.ts';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { registerRetryMaxMs, registerRetryMinMs, workerCommandTimeoutMs } from './bounds.ts';
import type { WorkerLog } from './worker-log.ts';

export interface RegistrationParts {
  readonly link: Pick<WorkerLink, 'sendWorker'>;
  readonly org: string;
  readonly workerId: string;
  readonly profile: Json & { readonly incarnation: string };
  readonly clock: Pick<Clock, 'after'>;
  readonly random: Random;
  readonly log: WorkerLog;
}

/** Tells the kernel of this worker until it has answered, and again whenever the kernel may have lost it. */
export class Registration {
  readonly #parts: RegistrationParts;
  #count = 0;
  #underWay: Promise<void> | undefined;
  #closed = false;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  /** Resolves when the kernel knows this incarnation. Throws when it refuses it for good (`rejected`). */
  ensure(): Promise<void> {
    this.#underWay ??= this.#register().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** Another command to the worker's own actor; false when it was not answered well. */
  async tell(verb: 'drain' | 'stop', body: Json): Promise<boolean> {
    const { link, org, workerId, log } = this.#parts;
    try {
      const reply = await link.sendWorker(org, workerId, verb, this.#id(verb), body, workerCommandTimeoutMs);
      return reply.ok;
    } catch (error) {
      log.debug({ verb, error: String(error) }, 'The kernel did not hear this; its liveness will tell it.');
      return false;
    }
  }

  close(): void {
    this.#closed = true;
  }

  #id(verb: string): string {
    return `${this.#parts.workerId}:${this.#parts.profile.incarnation}:${verb}:${++this.#count}`;
  }

  async #register(): Promise<void> {
    const { link, org, workerId, profile, clock, random, log } = this.#parts;
    const id = this.#id('register');
    for (let waitMs = registerRetryMinMs; !this.#closed; waitMs = Math.min(waitMs * 2, registerRetryMaxMs)) {
      const refusal = await link.sendWorker(org, workerId, 'register', id, { profile }, workerCommandTimeoutMs).then(
        (reply) => (reply.ok ? undefined : AstraError.fromProblem(reply.problem)),
        (error: unknown) => error,
      );
      if (refusal === undefined) return;
      if (refusal instanceof AstraError && refusal.kind === 'rejected') throw refusal;
      log.debug({ workerId, error: String(refusal) }, 'Not registered yet; trying again.');
      await new Promise<void>((resolve) => clock.after(waitMs * (0.5 + random.number() / 2), resolve));
    }
  }
}
