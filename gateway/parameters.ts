import { taskId } from '../actors/index.ts';
import { isId } from '../kernel/ids.ts';
import type { Parameter } from './route.ts';

/** The variable parts of paths. */

const characters = '[0-7][0-9a-hjkmnp-tv-z]{25}';

const id = (prefix: string, of: string): Parameter => ({
  name: 'id',
  description: `the id of ${of}`,
  pattern: `^${prefix}_${characters}$`,
  matches: (text) => isId(prefix, text),
});

export const agentId = id('ag', 'an agent');
export const goalId = id('gl', 'a goal');
export const supervisionId = id('sv', 'what watches over the actor: `GET /v1/supervision` lists it');
export const workerId = id('wk', 'a worker');

const isTaskId = (text: string): boolean => taskId.safeParse(text).success;

export const taskIdParameter: Parameter = {
  name: 'id',
  description: 'the id of a task: its goal’s id, a dot, and its key',
  pattern: `^gl_${characters}\\.[A-Za-z0-9_-]{1,64}$`,
  matches: isTaskId,
};

export const deadLetterId: Parameter = {
  name: 'id',
  description: 'the id of a dead letter: `dl_…`, or that of a task',
  pattern: `^(dl_${characters}|gl_${characters}\\.[A-Za-z0-9_-]{1,64})$`,
  matches: (text) => isId('dl', text) || isTaskId(text),
};

export const sha256: Parameter = {
  name: 'sha256',
  description: 'SHA-256 of the bytes, in lower-case hex',
  pattern: '^[0-9a-f]{64}$',
  matches: (text) => /^[0-9a-f]{64}$/.test(text),
};
