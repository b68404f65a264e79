import { randomUUID } from 'node:crypto';
import type { Json } from '../kernel/envelope.ts';
import { AstraError } from '../kernel/errors.ts';
import type { Client } from './client.ts';
import type { PlanFile } from './plan-file.ts';

export interface Submitted {
  readonly goalId: string;
  readonly agentId: string;
  readonly position: string | undefined;
}

/** The agent of plans that name none. */
const defaultAgent = 'command-line';

/**
 * Submits a plan file's goal for an agent, which is made when no agent has that name. One idempotency key covers all
 * tries of one submission, so that a lost answer makes no second goal.
 */
export async function submit(
  client: Client,
  plan: PlanFile,
  agent: string | undefined,
  key: string = randomUUID(),
): Promise<Submitted> {
  const name = agent ?? plan.agent ?? defaultAgent;
  const agentId = /^ag_[0-9a-z]{26}$/.test(name) ? name : await ensureAgent(client, name);
  const body: Json = { agentId, ...plan.goal };
  const { body: goal, position } = await again(() => client.post('/v1/goals', body, key));
  return { goalId: String(goal['id']), agentId, position };
}

async function ensureAgent(client: Client, name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const { items } = await client.list('/v1/agents', { name, limit: 500 });
    const known = items.find((agent) => agent['status'] !== 'stopped');
    return known && String(known['id']);
  };
  const known = await find();
  if (known) return known;
  try {
    const { body, position } = await client.post('/v1/agents', { name });
    const id = String(body['id']);
    await client.get(`/v1/agents/${id}`, undefined, position);
    return id;
  } catch (error) {
    // Somebody else made it at the same moment.
    const other = error instanceof AstraError && error.code === 'agent_name_taken' ? await find() : undefined;
    if (other) return other;
    throw error;
  }
}

const tries = 5;
const tryPauseMs = 300;

/** Repeats what is safe to repeat while the gateway says that it may help. */
async function again<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      const passing =
        error instanceof AstraError &&
        (error.kind === 'indeterminate' || (error.kind === 'unavailable' && error.code !== 'gateway_unreachable'));
      if (!passing || attempt === tries) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? tryPauseMs * attempt));
    }
  }
}
