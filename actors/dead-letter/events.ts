import type { Address } from '../../kernel/address.ts';
import type { Envelope, Json } from '../../kernel/envelope.ts';
import type { Problem } from '../../kernel/errors.ts';

/** Facts of a parked command or publication (domain.md, "Dead letters"). */
export type DeadLetterEvent =
  | {
      readonly type: 'DeadLetterParked';
      readonly data: {
        readonly origin: DeadLetterOrigin;
        readonly error: Problem;
        /** The command that could not be processed, whole; absent when nothing readable was left of it. */
        readonly envelope?: Envelope;
        /** What came in when it was not a command: subject and payload (UTF-8 where it is, else base64). */
        readonly publication?: {
          readonly verb: string;
          readonly contentType: string;
          readonly payload: string;
          readonly encoding: 'utf8' | 'base64';
          readonly idempotencyKey?: string;
        };
        readonly count: number;
      };
    }
  | {
      readonly type: 'DeadLetterRedriven';
      readonly data: {
        readonly by: string;
        readonly command?: { readonly to: Address; readonly verb: string; readonly body: Json };
      };
    }
  | { readonly type: 'DeadLetterDiscarded'; readonly data: { readonly by: string; readonly reason?: string } };

/** Where it came from. */
export interface DeadLetterOrigin {
  readonly source: 'lane' | 'channel' | 'local' | 'publication';
  readonly actor?: string;
  readonly verb?: string;
}
