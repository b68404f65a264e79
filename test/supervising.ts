import { fileURLToPath } from 'node:url';
import { Supervisor } from '../cli/supervisor/supervisor.ts';

/** A supervisor with one role, in a process of its own that a test may kill: tells the role's process id. */
const supervisor = new Supervisor({
  main: fileURLToPath(new URL('supervised-role.ts', import.meta.url)),
  output: { line: () => {}, say: () => {} },
  restart: true,
  onChange: () => {},
});
const { pid } = await supervisor.start({ role: 'well', name: 'well', environment: {}, startMs: 30_000, stopMs: 5_000 });
process.stdout.write(`${pid}\n`);
