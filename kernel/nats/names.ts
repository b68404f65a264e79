import type { Shard } from '../brand.ts';

/** Names on the bus (docs/nats.md). Tests and several installations on one server use another root and prefix. */
export interface Names {
  readonly in: string;
  readonly cmd: string;
  readonly chan: string;
  readonly work: string;
  readonly log: string;
  readonly evt: string;
  readonly logs: string;
  /** The first token of every subject. */
  readonly root: string;
}

export const namesOf = (root = 'astra', streamPrefix = ''): Names => ({
  root,
  in: `${streamPrefix}IN`,
  cmd: `${streamPrefix}CMD`,
  chan: `${streamPrefix}CHAN`,
  work: `${streamPrefix}WORK`,
  log: `${streamPrefix}LOG`,
  evt: `${streamPrefix}EVT`,
  logs: `${streamPrefix}LOGS`,
});

export const laneSubject = ({ root }: Names, shard: Shard, org: string, actorType: string): string =>
  `${root}.cmd.${shard}.${org}.${actorType}`;

export const channelSubject = ({ root }: Names, to: Shard, from: Shard): string => `${root}.chan.${to}.${from}`;

export const workSubject = ({ root }: Names, org: string, pool: string, type: string, lane: string): string =>
  `${root}.work.${org}.${pool}.${type}.${lane}`;

/** The durable of an exact WORK subject. Orgs, pools and types hold none of its separators. */
export const workDurable = (org: string, pool: string, type: string, lane: string): string =>
  `${org}=${pool}=${type}=${lane}`;

/** Where gateways hear answers; no org has this name. */
export const gatewayOrg = '_gateway';
