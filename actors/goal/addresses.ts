import type { Address } from '../../kernel/address.ts';

/** Whom a goal speaks to, in its own org (I10). */
export const agentAt = ({ org }: Address, id: string): Address => ({ org, type: 'agent', id });
export const goalAt = ({ org }: Address, id: string): Address => ({ org, type: 'goal', id });
