import type { Address } from '../../kernel/address.ts';
import type { Json } from '../../kernel/envelope.ts';
import { nameId } from '../name/behavior.ts';
import type { AgentProfile, AgentStatus, Upbringing } from './events.ts';

/** What an agent knows of itself. */
export interface AgentState {
  readonly profile: AgentProfile;
  /** Counts changes of the profile, from 1. */
  readonly profileVersion: number;
  readonly status: AgentStatus;
  readonly fingerprint: string | undefined;
  /** Goals admitted and not settled, each with the run that is counted. Owned by the fold, which changes it in place. */
  readonly open: Map<string, number>;
  /** Later runs of goals whose end was told before their beginning, which was parked and may come yet. Owned by the fold too. */
  readonly overBefore: Map<string, number>;
  /** The version of the profile that brought its present name; what was reserved as of then or before is no more. */
  readonly namedAt: number;
  /** The name before the last change, when that changed it: it is released behind it. */
  readonly formerName: string | undefined;
  /** Stopped: goals that are to be cancelled, and how many were told so far. */
  readonly cancelling: readonly string[];
  readonly told: number;
  /** Children that have not stopped. Owned by the fold, which changes it in place. */
  readonly children: Set<string>;
  /** Those that had stopped before their birth was told, which was parked and may come yet. Owned by the fold too. */
  readonly goneBefore: Set<string>;
  /** What it has from its parent, when it has one. */
  readonly upbringing: Upbringing | undefined;
  /** What each of the last changes of its profile took away, oldest first. */
  readonly former: readonly FormerProfile[];
}

/** How a profile has to be changed back to be as of an earlier version. */
export interface FormerProfile {
  readonly version: number;
  readonly undo: Partial<AgentProfile>;
}

/** The reservation of an agent's name. */
export const nameAt = ({ org }: Address, name: string): Address => ({
  org,
  type: 'name',
  id: nameId(org, 'agent', name),
});

/** Whether two names are one reservation: the same but for their letters' case and composition. */
export const isSameName = (self: Address, one: string, other: string): boolean =>
  nameAt(self, one).id === nameAt(self, other).id;

/** What of the profile a goal's tasks see. */
export const pinOf = ({ profile, profileVersion }: AgentState): Json => ({
  profileVersion,
  allowedTools: [...profile.allowedTools],
});
