import { AstraError } from '../../kernel/errors.ts';
import type { Handler } from '../handler.ts';
import type { WorkerOptions } from '../worker-options.ts';
import { http } from './http.ts';
import { js } from './js.ts';
import { noop } from './noop.ts';
import { shell } from './shell.ts';
import { sleep } from './sleep.ts';

/** The handlers that come with Astra, as far as there is a driver for them. */
export function builtInHandlers({
  drivers,
  network,
  clock,
}: Pick<WorkerOptions, 'drivers' | 'network' | 'clock'>): readonly Handler[] {
  const commands = drivers.find(({ runs }) => runs === 'command');
  const functions = drivers.find(({ runs }) => runs === 'function');
  return [
    noop,
    sleep(clock),
    http(network ?? {}),
    ...(commands ? [shell(commands)] : []),
    ...(functions ? [js(functions)] : []),
  ];
}

/**
 * Handlers by type, of those a worker shall serve; a later one of the same type takes the place of an earlier one.
 * Throws `rejected` / `handler_missing` when a wanted type has none.
 */
export function servedHandlers(handlers: readonly Handler[], types?: readonly string[]): ReadonlyMap<string, Handler> {
  const all = new Map(handlers.map((handler) => [handler.type, handler]));
  if (!types) return all;
  const missing = types.filter((type) => !all.has(type));
  if (missing.length > 0)
    throw new AstraError(
      'rejected',
      'handler_missing',
      `Nothing here runs tasks of type ${missing.join(', ')}; there are handlers for ${[...all.keys()].join(', ')}. shell needs a driver for commands, js one for functions.`,
    );
  return new Map([...new Set(types)].map((type) => [type, all.get(type) as Handler]));
}
