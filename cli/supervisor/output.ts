import { wallMs } from '../../kernel/clock.ts';
import { logLineCharactersMax } from '../bounds.ts';
import type { Palette } from '../view/palette.ts';

/** Where the supervisor and its roles write: lines for people on a terminal, JSON lines for programs elsewhere. */
export interface Output {
  /** A line of a role's log. */
  line(role: string, line: string): void;
  /** The supervisor's own word. */
  say(level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

type Level = 'debug' | 'info' | 'warn' | 'error';

const colours = ['cyan', 'magenta', 'blue', 'yellow', 'green'] as const;
const roleWidth = 8;

/** JSON lines: a role's own line passes as it is when it is JSON; anything else is wrapped. */
export function jsonOutput(write: (text: string) => void): Output {
  const put = (role: string, level: string, msg: string, fields: object = {}) =>
    write(`${JSON.stringify({ level, time: new Date(wallMs()).toISOString(), role, ...fields, msg })}\n`);
  return {
    line: (role, line) => {
      if (line.startsWith('{') && parseLog(line)) write(`${line}\n`);
      else if (line.trim() !== '') put(role, 'info', line.slice(0, logLineCharactersMax));
    },
    say: (level, message, fields) => put('up', level, message, fields),
  };
}

/** `kernel │ message key=value`, each role in a colour of its own; warnings and errors stand out. */
export function terminalOutput(write: (text: string) => void, palette: Palette): Output {
  const seen = new Map<string, (text: string) => string>();
  const prefix = (role: string): string => {
    let paint = seen.get(role);
    if (!paint) {
      paint = palette[colours[seen.size % colours.length] as (typeof colours)[number]];
      seen.set(role, paint);
    }
    return paint(`${role.padEnd(roleWidth)} │ `);
  };
  const put = (role: string, level: string, message: string, fields: Readonly<Record<string, unknown>>) => {
    const paint = level === 'error' ? palette.red : level === 'warn' ? palette.yellow : (text: string) => text;
    const extra = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => palette.dim(`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`));
    write(`${prefix(role)}${[paint(message), ...extra].join(' ')}\n`);
  };
  return {
    line: (role, line) => {
      const log = line.startsWith('{') ? parseLog(line) : undefined;
      if (log === undefined) {
        if (line.trim() !== '') put(role, 'info', line.slice(0, logLineCharactersMax), {});
        return;
      }
      const { level, msg, time: _time, role: _role, pid: _pid, hostname: _hostname, ...fields } = log;
      put(role, String(level), String(msg ?? ''), fields);
    },
    say: (level, message, fields = {}) => put('up', level, message, fields),
  };
}

function parseLog(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
