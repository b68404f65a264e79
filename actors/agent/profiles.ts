import { accept, refuse } from '../../kernel/behavior.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { Verb } from '../command.ts';
import type { AgentEvent, AgentProfile } from './events.ts';
import type { AgentState, FormerProfile } from './state.ts';

/** What a change of the profile takes away. */
export function formerOf({ profile, profileVersion }: AgentState, change: Partial<AgentProfile>): FormerProfile {
  const undo = Object.fromEntries(Object.keys(change).map((key) => [key, profile[key as keyof AgentProfile]]));
  return { version: profileVersion, undo: undo as Partial<AgentProfile> };
}

/** The profile as of a version; undefined when it has changed too often since. */
export function profileAt({ profile, profileVersion, former }: AgentState, version: number): AgentProfile | undefined {
  const undone = former.filter((one) => one.version >= version);
  if (version > profileVersion || undone.length !== profileVersion - version) return undefined;
  return Object.assign({}, profile, ...undone.map(({ undo }) => undo).reverse());
}

export const profileVerbs = {
  /** For handlers of its goals' tasks: the profile that their goal was admitted with. */
  profile(state, { version }) {
    const profile = profileAt(state, version as number);
    return profile
      ? accept<AgentEvent>([], { profile: profile as unknown as Json })
      : refuse(
          'rejected',
          'profile_gone',
          `expected a version of the profile that is still known, found ${version} where there is ${state.profileVersion}`,
        );
  },
} satisfies Record<string, Verb<AgentState, AgentEvent>>;
