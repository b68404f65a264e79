import { readFileSync, writeFileSync } from 'node:fs';
import { roleLogger } from '../cli/roles/role-logger.ts';
import { runRole } from '../cli/roles/role-process.ts';
import { until } from '../kernel/testing/until.ts';

/**
 * Roles for tests of the supervisor: `node supervised-role.ts <name>`, where the name says how it behaves. `TRACE` names a file that
 * gets a line when it stops.
 */
const [, , name = 'well'] = process.argv;
const logger = roleLogger(name, 'info');

if (name === 'crashing') process.exit(7);

await runRole({
  logger,
  stopMs: 60_000,
  start: async () => {
    if (name === 'invalid')
      throw Object.assign(
        new (await import('../kernel/errors.ts')).AstraError('rejected', 'bad_setting', 'slots: expected more'),
      );
    return {
      details: { pid: process.pid },
      stop: async () => {
        if (name.startsWith('stubborn')) await new Promise(() => {});
        const trace = process.env['TRACE'];
        if (trace) writeFileSync(trace, `${name}\n`, { flag: 'a' });
        // Ends when another one like it is about to end, too.
        if (trace && name === 'paired') await until(() => readFileSync(trace, 'utf8').split(name).length > 2);
      },
    };
  },
});
