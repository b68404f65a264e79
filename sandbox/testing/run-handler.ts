import type { AgentProfile } from '../../actors/index.ts';
import { shard } from '../../kernel/brand.ts';
import { SystemClock } from '../../kernel/clock.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Problem } from '../../kernel/errors.ts';
import { memoryArtifactStore } from '../artifacts/memory-store.ts';
import type { ArtifactStore } from '../artifacts.ts';
import { type Ending, Execution } from '../execution.ts';
import type { Handler } from '../handler.ts';
import type { TaskLimits } from '../limits.ts';

export interface Ran {
  readonly ending: Ending;
  /** The result, or undefined when it did not complete. */
  readonly result: Json | undefined;
  /** The error, or undefined when it completed. */
  readonly error: Extract<Ending, { kind: 'failed' }>['error'] | undefined;
  /** An artifact's text by its name. */
  readonly artifact: (name: string) => Promise<string | undefined>;
  readonly names: readonly string[];
}

/** Runs one attempt with a handler, for real; `onOutput` gets the execution when it has written something, `started` when it has begun. */
export async function runHandler(
  handler: Handler,
  input: Json,
  options: {
    timeoutMs?: number;
    limits?: TaskLimits;
    artifacts?: ArtifactStore;
    /** Of the agent that the attempt works for. */
    profile?: Partial<AgentProfile>;
    onProfile?: () => AgentProfile;
    unreachable?: (agentId: string) => Problem | undefined;
    started?: (execution: Execution) => void;
    onOutput?: (execution: Execution) => void;
  } = {},
): Promise<Ran> {
  const artifacts = options.artifacts ?? memoryArtifactStore();
  const ending = await new Promise<Ending>((resolve) => {
    const execution = new Execution(
      {
        shard: shard(0),
        taskId: 'gl_test.task',
        attempt: 1,
        offer: 1,
        type: handler.type,
        input,
        timeoutMs: options.timeoutMs ?? 60_000,
        limits: options.limits ?? {},
        agentId: 'ag_test',
        profileVersion: 1,
        idempotencyKey: 'gl_test.task:1',
      },
      handler,
      {
        org: 'default',
        clock: new SystemClock(),
        artifacts,
        sendOutput: () => options.onOutput?.(execution),
        questions: {
          profile: async () => options.onProfile?.() ?? (options.profile as AgentProfile),
          unreachable: async (_item, agentId) => options.unreachable?.(agentId),
        },
        onProgress: () => undefined,
        onEnd: resolve,
      },
    );
    execution.start();
    options.started?.(execution);
  });
  const list = ending.kind === 'stopped' ? [] : ending.artifacts;
  return {
    ending,
    result: ending.kind === 'completed' ? ending.result : undefined,
    error: ending.kind === 'failed' ? ending.error : undefined,
    names: list.map(({ name }) => name),
    artifact: async (name) => {
      const found = list.find((artifact) => artifact.name === name);
      const stored = found && (await artifacts.get('default', found.sha256));
      if (!stored) return undefined;
      const chunks: Uint8Array[] = [];
      for await (const chunk of stored.content) chunks.push(chunk as Uint8Array);
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}
