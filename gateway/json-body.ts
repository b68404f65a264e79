import { AstraError, type Fault } from '../kernel/errors.ts';
import { jsonDepthMax } from './bounds.ts';
import { invalid } from './problems.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A body as JSON. Throws `malformed_json` for what is none, and `invalid_input` for what no store or log can hold: NUL and
 * lone surrogates in texts, and names that programs stumble over.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (nestsDeeper(bytes, jsonDepthMax))
    throw malformed(`at most ${jsonDepthMax} lists and objects within each other`, 'more');
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw malformed('UTF-8', 'other bytes');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed('JSON', (cause as Error).message);
  }
  // Either can only come from an escape, or is spelled out: most bodies are not walked.
  if (text.includes('\\u') || text.includes('__proto__')) {
    const faults: Fault[] = [];
    findUnfit(value, '', faults);
    if (faults.length > 0) throw invalid(faults, 'the body');
  }
  return value;
}

const malformed = (expected: string, found: string): AstraError =>
  new AstraError('rejected', 'malformed_json', `expected ${expected} in the body, found ${found}`);

const quote = 0x22;
const backslash = 0x5c;

/** Whether brackets outside of strings nest deeper than `depthMax`. Parsers and walkers recurse: this looks first. */
function nestsDeeper(bytes: Uint8Array, depthMax: number): boolean {
  if (bytes.length <= depthMax) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > depthMax) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** At most this many faults are named. */
const faultsMax = 20;

function findUnfit(value: unknown, pointer: string, faults: Fault[]): void {
  if (faults.length >= faultsMax) return;
  if (typeof value === 'string') {
    const fault = unfit(value);
    if (fault) faults.push({ pointer, message: fault });
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) findUnfit(item, `${pointer}/${index}`, faults);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const fault = name === '__proto__' ? 'expected another name' : unfit(name);
      if (fault) faults.push({ pointer: at.replaceAll('\0', '\\0'), message: fault });
      else findUnfit(item, at, faults);
    }
  }
}

function unfit(text: string): string | undefined {
  if (text.includes('\0')) return 'expected text without NUL characters';
  return text.isWellFormed() ? undefined : 'expected Unicode text, found a lone surrogate';
}
