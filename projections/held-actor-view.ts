/** An actor that has failed and is held back, as `GET /v1/supervision` shows it. */
export interface HeldActorView {
  /** `sv_…`: what watches over it, and is asked to let it go on. */
  readonly id: string;
  readonly actor: { readonly type: string; readonly id: string };
  /** `waiting`: it goes on by itself at `until`. `suspended`: when somebody resumes it. */
  readonly status: 'waiting' | 'suspended';
  /** `restarts`: it has failed too often. `stop`, `escalate`: its policy. */
  readonly reason: 'backoff' | 'restarts' | 'stop' | 'escalate';
  /** Of its last failure. */
  readonly code: string;
  /** What could not be done: the last of it. */
  readonly deadLetterId: string;
  readonly until?: string;
  /** Commands that came for it meanwhile, and are kept. */
  readonly waiting: number;
  readonly since: string;
  readonly position: string;
}

export interface HeldActorFilter {
  readonly status?: HeldActorView['status'] | undefined;
  /** Of the actor: agent, goal, task … */
  readonly type?: string | undefined;
}
