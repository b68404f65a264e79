import { z } from 'zod';
import type { Json } from '../../kernel/envelope.ts';
import type { Driver } from '../driver.ts';
import { defineHandler, type Handler } from '../handler.ts';
import type { Message, SpawnInput } from '../mail.ts';
import { TaskFailure } from '../task-failure.ts';
import { outcomeFailure } from './outcome-failure.ts';

const input = z
  .strictObject({
    /** A function expression: `(a, b) => a + b`, or async. */
    code: z.string().min(1).max(262_144).optional(),
    /** The absolute path of a module, in a directory that the worker allows. */
    module: z.string().min(1).max(4096).optional(),
    /** The module's export that is called. */
    name: z.string().min(1).max(200).optional(),
    args: z.array(z.json()).max(1000).default([]),
  })
  .refine(({ code, module }) => (code === undefined) !== (module === undefined), 'give either code or module')
  .refine(({ name, module }) => name === undefined || module !== undefined, 'name goes with module');

/** Faults of the request itself: another attempt meets them again. */
const final: ReadonlySet<string> = new Set(['ModuleNotAllowed', 'ResultTooLarge', 'SyntaxError']);

/**
 * `js`: calls a JavaScript function with JSON arguments; what it returns is the result. Its global `astra` sends messages,
 * `astra.send(agentId, { type, payload })`, spawns agents, `await astra.spawn({ name })`, and knows for whom it works,
 * `await astra.profile()`.
 */
export const js = (driver: Driver): Handler =>
  defineHandler({
    type: 'js',
    input,
    driver,
    run: async (ctx) => {
      const { code, module, name, args } = ctx.input;
      const messages: [agentId: string, message: Json][] = [];
      const outcome = await driver.run({
        name: `${ctx.taskId}:${ctx.attempt}`,
        program: {
          kind: 'function',
          source: code === undefined ? { module: module as string, name: name ?? 'default' } : { code },
          args: args as readonly Json[],
        },
        timeoutMs: ctx.timeoutMs,
        limits: ctx.limits,
        signal: ctx.signal,
        onOutput: (stream, chunk) => ctx.log(chunk, stream),
        onMessage: (agentId, message) => void messages.push([agentId, message]),
        onQuestion: async (question, about) =>
          question === 'spawn'
            ? ctx.spawn(about as unknown as SpawnInput)
            : ((await ctx.agent.profile()) as unknown as Json),
      });
      try {
        const failure = outcomeFailure(outcome, ctx.timeoutMs, ctx.limits);
        if (failure) throw failure;
        const { error } = outcome;
        if (error)
          throw new TaskFailure(codes[error.name] ?? 'function_threw', `${error.name}: ${error.message}`, {
            retryable: !final.has(error.name),
          });
        for (const [agentId, message] of messages) ctx.send(agentId, message as unknown as Message);
        return outcome.value;
      } finally {
        await outcome.dispose();
      }
    },
  });

const codes: Readonly<Record<string, string>> = {
  ModuleNotAllowed: 'module_not_allowed',
  ResultTooLarge: 'result_too_large',
};
