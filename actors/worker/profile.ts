import type { Json } from '../../kernel/envelope.ts';
import {
  incarnationMax,
  workerDriversMax,
  workerPoolsMax,
  workerSlotsMax,
  workerTextMax,
  workerTypesMax,
} from '../bounds.ts';
import { isFields } from '../command.ts';
import type { WorkerProfile } from './events.ts';

const areTexts = (value: Json | undefined, most: number, fits: (text: string) => boolean): value is readonly string[] =>
  Array.isArray(value) && value.length <= most && value.every((one) => typeof one === 'string' && fits(one));
const isText = (value: Json | undefined, most = workerTextMax): value is string =>
  typeof value === 'string' && value.length <= most;
const isName = (text: string): boolean => /^[a-z0-9_-]{1,64}$/.test(text);

/** What a worker says of itself, read with care; or what is wrong with it. */
export function readProfile(body: Json): WorkerProfile | string {
  const given = isFields(body) ? body['profile'] : undefined;
  if (!isFields(given)) return 'expected { profile: { pools, slots, types, drivers, host, version, incarnation } }';
  const { pools, slots, types, drivers = [], host = '', version = '', incarnation } = given;
  if (!areTexts(pools, workerPoolsMax, isName) || pools.length === 0)
    return `expected 1 to ${workerPoolsMax} pools of a-z, 0-9, _ and -`;
  if (!areTexts(types, workerTypesMax, isName) || types.length === 0)
    return `expected 1 to ${workerTypesMax} task types of a-z, 0-9, _ and -`;
  if (typeof slots !== 'number' || !Number.isInteger(slots) || slots < 1 || slots > workerSlotsMax)
    return `expected 1 to ${workerSlotsMax} slots`;
  if (!isText(incarnation, incarnationMax) || incarnation === '')
    return `expected an incarnation of 1 to ${incarnationMax} characters`;
  if (!areTexts(drivers, workerDriversMax, (text) => isText(text)) || !isText(host) || !isText(version))
    return `expected drivers, a host and a version of at most ${workerTextMax} characters`;
  return { pools, slots, types, drivers, host, version, incarnation };
}
