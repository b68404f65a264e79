import type { Envelope } from '../../kernel/envelope.ts';
import type { Problem } from '../../kernel/errors.ts';

/** Facts of a parked command or publication (docs/domain.md, "Dead letters"). */
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
        /** Whose personal data it is, where that could be told. */
        readonly subject?: string;
      };
    }
  | {
      readonly type: 'DeadLetterRedriven';
      readonly data: {
        readonly by: string;
        readonly command: RedrivenCommand;
      };
    }
  | { readonly type: 'DeadLetterDiscarded'; readonly data: { readonly by: string; readonly reason?: string } };

/** What is sent again: the command as it was, or as its publication reads now. */
export type RedrivenCommand = Pick<Envelope, 'to' | 'verb' | 'body' | 'id' | 'keyed' | 'fingerprint' | 'subject'>;

/** Where it came from. */
export interface DeadLetterOrigin {
  readonly source: 'lane' | 'channel' | 'local' | 'publication';
  readonly actor?: string;
  readonly verb?: string;
}
