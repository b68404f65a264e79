import { AstraError } from '../../kernel/errors.ts';

/** What `doctor` found about one thing. */
export interface Finding {
  readonly name: string;
  /** `bad` makes doctor end with code 1; `skipped` was not asked for here. */
  readonly state: 'ok' | 'warning' | 'bad' | 'skipped';
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

export const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail });
export const warning = (name: string, detail: string, advice: string): Finding => ({
  name,
  state: 'warning',
  detail,
  advice,
});
export const bad = (name: string, detail: string, advice: string): Finding => ({ name, state: 'bad', detail, advice });
export const skipped = (name: string, detail: string): Finding => ({ name, state: 'skipped', detail });

/** An error of a check as its finding: messages of Astra's own errors say what to do. */
export function failed(name: string, error: unknown, advice: string): Finding {
  if (!(error instanceof AstraError)) return bad(name, (error as Error).message.split('\n')[0] ?? 'failed', advice);
  return bad(name, error.message, advice);
}
