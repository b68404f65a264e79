import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { createContext, Script } from 'node:vm';
import { type MessagePort, threadId } from 'node:worker_threads';
import { sentBytesMax, sentMessagesMax } from '../bounds.ts';
import type { Question } from '../driver.ts';
import type { ThreadAnswer, ThreadMessage, ThreadResult, ThreadTask } from './thread-message.ts';

/**
 * What runs in a thread of the thread driver: one function at a time. Code gets a global object of its own, which keeps
 * tasks from tripping over each other; it is no containment. Modules are loaded once a thread and share it.
 */
export default async function run(task: ThreadTask): Promise<ThreadResult> {
  const { port, source } = task;
  const say = (message: ThreadMessage) => port.postMessage(message);
  const output = boundedOutput(task.outputBytesMax, say);
  const timers = new Timers();
  const console = consoleOver(output);
  const astra = astraOver(port, say);
  const own = globalThis.console;
  say({ kind: 'started', threadId });
  try {
    const args = JSON.parse(task.args) as unknown[];
    let value: unknown;
    if ('code' in source)
      value = await fromCode(source.code, { ...guestGlobals, ...timers.functions, console, astra })(...args);
    else {
      globalThis.console = console;
      (globalThis as { astra?: object }).astra = astra;
      value = await (await fromModule(source.module, source.name))(...args);
    }
    const json = JSON.stringify(value) as string | undefined;
    if (json !== undefined && json.length > task.valueBytesMax)
      return { ok: false, name: 'ResultTooLarge', message: `The result has ${json.length} characters as JSON.` };
    return { ok: true, json };
  } catch (thrown) {
    if (isError(thrown) && typeof thrown.stack === 'string') output('stderr', `${thrown.stack}\n`);
    return isError(thrown)
      ? { ok: false, name: String(thrown.name), message: String(thrown.message) }
      : { ok: false, name: 'Thrown', message: String(thrown) };
  } finally {
    globalThis.console = own;
    delete (globalThis as { astra?: object }).astra;
    timers.clear();
    port.close();
  }
}

type AnyFunction = (...args: unknown[]) => unknown;

/** What code finds beside the language itself. */
const guestGlobals = { URL, URLSearchParams, TextEncoder, TextDecoder, structuredClone, atob, btoa, queueMicrotask };

function fromCode(code: string, globals: object): AnyFunction {
  const context = createContext(globals, { codeGeneration: { strings: false, wasm: false } });
  const value: unknown = new Script(`(${code}\n)`, { filename: 'task.js' }).runInContext(context);
  if (typeof value !== 'function') throw new TypeError('code must be a function expression, such as (a, b) => a + b');
  return value as AnyFunction;
}

async function fromModule(path: string, name: string): Promise<AnyFunction> {
  const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const value = module[name];
  if (typeof value !== 'function') throw new TypeError(`the module exports no function named ${name}`);
  return value as AnyFunction;
}

/** Thrown values may come from the code's own realm, where Error is another one. */
const isError = (thrown: unknown): thrown is Error =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown;

/** Counts on this side: a loop that never yields would fill the other one's memory. */
function boundedOutput(bytesMax: number, say: (message: ThreadMessage) => void) {
  let bytes = 0;
  return (stream: 'stdout' | 'stderr', text: string): void => {
    if (bytes > bytesMax) return;
    bytes += Buffer.byteLength(text);
    if (bytes > bytesMax) say({ kind: 'overflow' });
    else say({ kind: 'output', stream, text });
  };
}

/** What a function knows of Astra. */
function astraOver(port: MessagePort, say: (message: ThreadMessage) => void) {
  let sent = 0;
  const asked: ((answer: ThreadAnswer) => void)[] = [];
  const ask = (question: Question, about: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const json = JSON.stringify(about);
      if (asked.length === 0) port.on('message', (answer: ThreadAnswer) => asked[answer.n]?.(answer));
      const n = asked.push((answer) => (answer.ok ? resolve(answer.value) : reject(new Error(answer.message)))) - 1;
      say({ kind: 'question', n, question, json });
    });
  return {
    send(agentId: string, message: unknown): void {
      if (++sent > sentMessagesMax) throw new RangeError(`an attempt may send ${sentMessagesMax} messages`);
      const json = JSON.stringify([agentId, message]);
      if (json.length > sentBytesMax) throw new RangeError(`messages may have ${sentBytesMax} bytes as JSON`);
      say({ kind: 'message', json });
    },
    spawn: (profile: unknown) => ask('spawn', profile ?? null),
    profile: () => ask('profile', null),
  };
}

function consoleOver(output: (stream: 'stdout' | 'stderr', text: string) => void): Console {
  const to =
    (stream: 'stdout' | 'stderr') =>
    (...values: unknown[]) =>
      output(stream, `${format(...values)}\n`);
  const lines = { log: to('stdout'), info: to('stdout'), debug: to('stdout'), warn: to('stderr'), error: to('stderr') };
  return Object.assign(Object.create(globalThis.console) as Console, lines);
}

/** Timers that end with their task. */
class Timers {
  readonly #live = new Set<NodeJS.Timeout>();
  readonly functions = {
    setTimeout: (callback: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]) => {
      const timer = setTimeout(() => {
        this.#live.delete(timer);
        callback(...args);
      }, delayMs);
      this.#live.add(timer);
      return timer;
    },
    setInterval: (callback: (...args: unknown[]) => void, delayMs?: number, ...args: unknown[]) => {
      const timer = setInterval(callback, delayMs, ...args);
      this.#live.add(timer);
      return timer;
    },
    clearTimeout: (timer: NodeJS.Timeout | undefined) => this.#forget(timer),
    clearInterval: (timer: NodeJS.Timeout | undefined) => this.#forget(timer),
  };

  clear(): void {
    for (const timer of this.#live) clearTimeout(timer);
    this.#live.clear();
  }

  #forget(timer: NodeJS.Timeout | undefined): void {
    if (!timer) return;
    clearTimeout(timer);
    this.#live.delete(timer);
  }
}
