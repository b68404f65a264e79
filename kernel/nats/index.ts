import type { CommandClient, CommitTail, WorkerLink } from '../edge.ts';
import { type CommandClientOptions, NatsCommandClient } from './command-client.ts';
import { NatsCommitTail } from './commit-tail.ts';
import { type NatsOptions, openWire, type Wire } from './connection.ts';
import { NatsBus } from './nats-bus.ts';
import { InPublisher } from './publish-in.ts';
import type { StreamOptions } from './streams.ts';
import { readTaskOutput } from './task-output.ts';
import { NatsWorkerLink, type WorkerLinkOptions } from './worker-link.ts';

export type { NatsOptions } from './connection.ts';
export type { InPublisher } from './publish-in.ts';
export {
  accountExports,
  accountImports,
  insideAccount,
  type NatsPermissions,
  publisherPermissions,
  rolePermissions,
  workerPermissions,
} from './users.ts';

type OnTrouble = (message: string, cause: unknown) => void;

/** The kernel's bus. Throws `unavailable` when NATS does not answer. */
export async function openNatsBus(
  options: NatsOptions & { readonly streams?: StreamOptions },
  onTrouble: OnTrouble,
): Promise<NatsBus> {
  return NatsBus.open(await openWire(options), options.streams ?? {}, onTrouble);
}

/** A gateway's side: commands, commits, and the output of running tasks, over one connection. */
export async function openGatewayLink(
  options: NatsOptions,
  commands: CommandClientOptions,
  onTrouble: OnTrouble,
): Promise<{
  readonly commands: CommandClient;
  readonly tail: CommitTail;
  readonly taskOutput: (
    org: string,
    taskId: string,
    deliver: Parameters<typeof readTaskOutput>[3],
    onLevel?: () => void,
  ) => ReturnType<typeof readTaskOutput>;
  close(): Promise<void>;
}> {
  const wire: Wire = await openWire(options);
  const client = new NatsCommandClient(wire, commands);
  return {
    commands: client,
    tail: new NatsCommitTail(wire, onTrouble),
    taskOutput: (org, taskId, deliver, onLevel) => readTaskOutput(wire, org, taskId, deliver, onLevel),
    close: () => client.close(),
  };
}

/** A worker's side. */
export async function openWorkerLink(options: NatsOptions, worker: WorkerLinkOptions): Promise<WorkerLink> {
  return new NatsWorkerLink(await openWire(options), worker);
}

/** A program that publishes into one org. */
export async function openInPublisher(options: NatsOptions, org: string, client: string): Promise<InPublisher> {
  return new InPublisher(await openWire(options), org, client);
}
