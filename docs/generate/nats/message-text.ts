import { fence, jsonText } from '../markdown.ts';
import type { Message } from './run.ts';
import type { Exchange } from './scene.ts';

/** A message as it stands on NATS: subject, headers, body. */
export function messageText({ subject, headers, body }: Message): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return fence([subject, ...lines, '', jsonText(body)].join('\n'));
}

export const exchangeText = ({ message, reply }: Exchange, between: string): string =>
  [messageText(message), between, fence(jsonText(reply), 'json')].join('\n\n');
