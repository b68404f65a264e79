import type { Json } from '../kernel/envelope.ts';

/** What kernels say to a worker, in answer to its heartbeats and when an attempt has ended: `astra.ctl.<org>.<workerId>`. */
export interface Control {
  /** Shards whose owner answers. */
  readonly shards: readonly number[];
  readonly stop: readonly { readonly taskId: string; readonly attempt: number; readonly reason: string }[];
  readonly signals: readonly { readonly taskId: string; readonly name: string; readonly payload: Json | undefined }[];
  /** It is to take no more, to finish what it has, and to leave. */
  readonly drain: boolean;
}

/** Reads a control message; what it cannot understand it leaves out, so that newer kernels may say more. */
export function parseControl(message: Json): Control {
  const found = object(message) ?? {};
  return {
    shards: list(found['shards']).filter((shard) => typeof shard === 'number'),
    stop: list(found['stop']).flatMap((entry) => {
      const { taskId, attempt, reason } = object(entry) ?? {};
      return typeof taskId === 'string' && typeof attempt === 'number'
        ? [{ taskId, attempt, reason: typeof reason === 'string' ? reason : 'ended' }]
        : [];
    }),
    signals: list(found['signals']).flatMap((entry) => {
      const { taskId, name, payload } = object(entry) ?? {};
      return typeof taskId === 'string' && typeof name === 'string' ? [{ taskId, name, payload }] : [];
    }),
    drain: found['drain'] === true,
  };
}

const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

function object(value: Json): { readonly [key: string]: Json | undefined } | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json | undefined })
    : undefined;
}
