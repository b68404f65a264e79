import { inspect, isDeepStrictEqual } from 'node:util';
import type { AgentState } from '../../actors/agent/state.ts';
import { addressKey, headId, memberKey } from '../../kernel/address.ts';
import { shard as asShard } from '../../kernel/brand.ts';
import { openEvent } from '../../kernel/codec.ts';
import { Live } from '../../kernel/live.ts';
import { verifyShard } from '../../kernel/postgres/verify.ts';
import { StraightFold, shown } from '../../projections/testing/fold.ts';
import { org } from './client.ts';
import { probeVerb } from './probe.ts';
import { stampedOf } from './stamped.ts';
import type { World } from './world.ts';

/** How long what is open may take to end once nothing goes wrong any more, in simulated milliseconds. */
const quietMs = 300_000;
/** How long answers to probes, and the read models, may take then. */
const levelMs = 30_000;

/** No run takes nearly as many: something goes round in circles. */
const stepsMax = 500_000;

/** Steps between two looks at whether something is reached. */
const lookSteps = 20;
/** Longer than a commit takes. */
const commitMs = 200;
/** Longer than it takes a kernel to try a commit again. */
const retryMs = 10_000;

/** Runs until nothing is open any more, and compares what everybody holds to be true. */
export async function checkEnd(world: World): Promise<void> {
  world.calm();
  await allEnds(world);
  if (world.violation) return;
  const folded = await checkStates(world);
  await checkReads(world, folded);
  await checkLog(world);
}

async function allEnds(world: World): Promise<void> {
  await until(world, quietMs, () => openOf(world).next().done === true);
  for (const open of openOf(world))
    return world.violate('I8', `open although nothing has gone wrong for ${quietMs} ms: ${open}`);
}

async function until(world: World, ms: number, isReached: () => boolean): Promise<void> {
  const end = world.time.nowMs + ms;
  while (!world.violation && !isReached() && world.time.nowMs < end)
    for (let i = 0; i < lookSteps; i++) {
      if (world.time.steps >= stepsMax) return world.violate('I8', `it has not come to its end in ${stepsMax} steps`);
      await world.time.step();
    }
}

/** What is still to come. */
function* openOf(world: World): Generator<string> {
  for (const { key, what } of world.client.open) yield `request ${key} ${JSON.stringify(what)} was never answered`;
  for (const [id, goal] of world.story.goals) {
    if (!goal.isEnded) yield `goal ${id} is ${goal.status}`;
    for (const [key, task] of goal.tasks) if (task.isOpen) yield `task ${id}.${key} is ${task.status}`;
  }
  for (const message of world.mail.underWay) yield `message ${message} has not come`;
  yield* world.mailboxes.open();
  for (const id of world.story.parked) yield `dead letter ${id} was not redriven`;
  for (const id of world.story.suspended) yield `${id} was not resumed`;
  if (world.commits.underWay > 0) yield `${world.commits.underWay} effects were not taken`;
}

/** I5: what kernels decide on is what the log folds to. Workers come and go meanwhile: it is asked until nothing has changed. */
async function checkStates(world: World): Promise<ReadonlyMap<string, Live>> {
  for (let leftMs = levelMs; ; ) {
    // What is redirected is on its way and nobody's for a moment.
    await allEnds(world);
    const before = world.commits.events;
    const beganMs = world.time.nowMs;
    const heads = foldOf(world);
    const lives = [...heads.values()].flatMap((head) => [head, ...(head.members?.values() ?? [])]);
    const seen = await ask(world, lives);
    // A behavior shows what it has decided, also before that is committed; where the store was away, its kernel tries again for so
    // long. Such a difference ends with a commit, and then everything is compared anew; one that stays is a violation.
    const differ = lives.some(({ name, state }) => !isDeepStrictEqual(seen.get(name), state));
    await until(world, differ ? retryMs : commitMs, () => differ && world.commits.events !== before);
    leftMs -= world.time.nowMs - beganMs;
    if (world.commits.events !== before && leftMs > 0) continue;
    for (const { name, state } of lives)
      if (!seen.has(name)) world.violate('I8', `${name} does not answer`);
      else if (!isDeepStrictEqual(seen.get(name), state))
        world.violate('I5', `${name} is ${inspect(seen.get(name))} in memory, and ${inspect(state)} by the log`);
    for (const { address, name, state } of heads.values()) {
      const counted =
        address.type === 'agent' ? (state as { readonly open: ReadonlyMap<string, number> }).open.size : 0;
      if (counted > 0) world.violate('I8', `${name} counts ${counted} goals as open, and none is`);
    }
    checkFamilies(world, heads);
    return heads;
  }
}

/** I4: a parent knows its children that have not stopped, and none has outlived it. */
function checkFamilies(world: World, heads: ReadonlyMap<string, Live>): void {
  const agents = [...heads.values()].flatMap(({ address, state }) =>
    address.type === 'agent' ? [{ id: address.id, state: state as AgentState }] : [],
  );
  for (const { id, state } of agents) {
    const alive = agents.filter((one) => one.state.profile.parentId === id && one.state.status !== 'stopped');
    const [is, shall] = [[...state.children].sort(), alive.map((one) => one.id).sort()];
    if (!isDeepStrictEqual(is, shall)) world.violate('I4', `${id} has the children ${is}, and by the log ${shall}`);
    if (state.status === 'stopped' && alive.length > 0) world.violate('I4', `${shall} have outlived ${id}`);
  }
}

/** The states of these actors as kernels have them. */
async function ask(world: World, lives: readonly Live[]): Promise<ReadonlyMap<string, unknown>> {
  const seen = new Map<string, unknown>();
  world.onProbe = ({ actor, state }) => seen.set(addressKey(actor), state);
  for (let tries = 0; tries < 5 && seen.size < lives.length; tries++) {
    for (const { address, name } of lives) {
      const id = `probe:${name}:${tries}`;
      const probe = { to: address, verb: probeVerb, id, body: {}, principal: 'key:probe', correlationId: id, hops: 0 };
      if (!seen.has(name)) void world.command(probe, world.client.process).catch(() => {});
    }
    await until(world, levelMs / 5, () => seen.size === lives.length);
  }
  return seen;
}

/** Every actor, by the log alone. */
function foldOf({ database, registry, shards }: World): ReadonlyMap<string, Live> {
  const heads = new Map<string, Live>();
  for (let i = 0; i < shards; i++)
    for (const stored of database.log.all(asShard(i))) {
      const record = openEvent(stored, registry, database.key);
      const { actor } = record;
      const behavior = registry.head(actor.type) ?? registry.behavior(actor.type);
      if (!behavior) throw new Error(`no behavior of ${actor.type}`);
      const at = { org: actor.org, type: behavior.type, id: headId(actor.id) };
      const head = heads.get(addressKey(at)) ?? new Live(at, behavior);
      heads.set(addressKey(at), head);
      const key = memberKey(actor.id);
      const live = key === undefined ? head : head.member(key);
      live.fold({ ...stampedOf(record), actor: live.address });
    }
  return heads;
}

/** I5: the read models are the fold of the log, and say what the actors say. */
async function checkReads(world: World, heads: ReadonlyMap<string, Live>): Promise<void> {
  const { database, shards, gateway } = world;
  const isLevel = (): boolean =>
    gateway.projections.status().shards.length === shards &&
    gateway.projections.status().shards.every(({ shard, applied }) => applied === world.commits.seqOf(asShard(shard)));
  await until(world, levelMs, isLevel);
  if (!isLevel())
    return world.violate('I5', `the read models stay behind: ${JSON.stringify(gateway.projections.status())}`);
  const straight = new StraightFold();
  for (let i = 0; i < shards; i++) straight.apply(database.log.all(asShard(i)), database.key);
  const { reads } = gateway.projections;
  straight.now = gateway.now();
  const [is, shall] = [shown(reads, org), shown(straight.reads, org)];
  if (!isDeepStrictEqual(is, shall))
    world.violate('I5', `reads show ${JSON.stringify(is)}, the log ${JSON.stringify(shall)}`);
  for (const { address, state, members } of heads.values()) {
    if (address.type !== 'goal') continue;
    const goal = reads.goals.get(org, address.id);
    const { status } = state as { readonly status: string };
    if (goal.kind !== 'found' || goal.view.status !== status)
      world.violate('I5', `goal ${address.id} is ${status}, reads show ${JSON.stringify(goal)}`);
    for (const member of members?.values() ?? []) {
      const task = reads.tasks.get(org, member.address.id);
      const own = member.state as { readonly status: string };
      if (task.kind !== 'found' || task.view.status !== own.status)
        world.violate('I5', `task ${member.address.id} is ${own.status}, reads show ${JSON.stringify(task)}`);
    }
  }
}

/** The logs as a whole: dense and chained, and every event told outside. */
async function checkLog(world: World): Promise<void> {
  const { log } = world.database;
  for (const head of await log.heads()) {
    const { flaw } = await verifyShard(log, 'memory', head.shard, head);
    if (flaw) world.violate('I9', `at ${flaw.position} expected ${flaw.expected}, found ${flaw.found}`);
  }
  const untold = (): string | undefined => {
    for (let i = 0; i < world.shards; i++)
      for (const { seq } of log.all(asShard(i))) if (!world.promises.published.has(`${i}:${seq}`)) return `${i}:${seq}`;
    return undefined;
  };
  await until(world, levelMs, () => untold() === undefined);
  if (untold() !== undefined) world.violate('I4', `event ${untold()} was never published on EVT`);
}
