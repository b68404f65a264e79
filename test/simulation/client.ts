import { isDeepStrictEqual } from 'node:util';
import {
  agentInput,
  cancelTask,
  commandAgent,
  commandGoal,
  goalInput,
  messageAgent,
  patchAgent,
  type RequestContext,
  readInput,
  redriveDeadLetter,
  redriveTask,
  resumeActor,
  spawnAgent,
  submitGoal,
} from '../../actors/index.ts';
import type { Envelope, Json, Reply } from '../../kernel/envelope.ts';
import { timeId } from '../../kernel/ids.ts';
import { epochMs } from './database.ts';
import { planted } from './failures.ts';
import { faults } from './faults.ts';
import { secret } from './personal.ts';
import { randomPlan } from './plans.ts';
import { ProcessClock, SimProcess } from './process.ts';
import type { World } from './world.ts';

export const org = 'acme';

/** Children of agents in one run. */
const childrenMax = 4;
/** So many that of a burst's window there is one that one actor exceeds. */
const floodMessages = 400;

/** How a request reaches a kernel. */
type Way =
  | { readonly way: 'publish'; readonly verb: string; readonly body: Json }
  | { readonly way: 'command'; make(context: RequestContext): Envelope };

type Remedy = (context: RequestContext) => Envelope;

interface Asked {
  readonly key: string | undefined;
  readonly what: Way;
  /** It is answered by the actor that it is for, and not carried on to another one. */
  readonly isDirect: boolean;
  answer: Reply | undefined;
}

/**
 * Who asks for things: by publications and by commands, with keys and without. A request with a key is repeated until it is
 * answered, and now and then afterwards; the answers have to be the same.
 */
export class SimClient {
  readonly #world: World;
  readonly process: SimProcess;
  readonly #clock: ProcessClock;
  readonly asked: Asked[] = [];
  readonly agents: string[] = [];
  readonly #children: string[] = [];
  readonly #goals: string[] = [];
  #counter = 0;
  #hasFlooded = false;

  constructor(world: World) {
    this.#world = world;
    this.process = new SimProcess('client', world.time, world.diceOf('client'));
    this.#clock = new ProcessClock(this.process, epochMs, 1);
    const agents = 1 + this.process.dice.int(3);
    for (let i = 0; i < agents; i++) this.#spawn(`Ada ${this.process.dice.int(3)}`);
    this.#clock.after(300, () => this.#again());
    this.#clock.after(2000, () => this.#care());
  }

  /** Requests that have to be answered, and are not. */
  get open(): readonly Asked[] {
    return this.asked.filter(({ key, answer }) => key !== undefined && answer === undefined);
  }

  #again(): void {
    if (this.#world.isCalm) return;
    this.#act();
    this.#clock.after(this.process.dice.between(50, this.#world.paceMs * 2), () => this.#again());
  }

  /** Once nothing is in the way any more, nobody keeps a goal waiting, and what has failed is set right. */
  #care(): void {
    if (this.#world.isCalm) {
      for (const remedy of this.#remedies()) this.#direct(remedy);
      for (const [id, { status }] of this.#world.story.goals) {
        if (status === 'paused') this.#goalCommand(id, 'resume');
        if (status === 'awaiting_approval') this.#goalCommand(id, 'approve');
      }
    }
    this.#clock.after(2000, () => this.#care());
  }

  #act(): void {
    const { dice } = this.process;
    const [agent, goal] = [dice.pick<string | undefined>(this.agents), dice.pick<string | undefined>(this.#goals)];
    if (agent === undefined) return;
    if (goal === undefined) {
      this.#submit(agent);
      return;
    }
    const remedy = dice.pick<Remedy | undefined>(this.#remedies());
    const repeated = dice.pick<Asked | undefined>(this.asked.filter(({ key }) => key !== undefined));
    // How likely each is, of 100.
    const wishes: readonly (readonly [number, () => unknown])[] = [
      [this.#goals.length < this.#world.goalsMax ? 40 : 0, () => this.#submit(agent)],
      [20, () => this.#message(agent)],
      [this.#hasFlooded ? 0 : 3, () => this.#flood(agent)],
      [5, () => this.#goalCommand(goal, 'cancel')],
      [10, () => this.#goalCommand(goal, dice.pick(['pause', 'resume', 'resume']))],
      [3, () => this.#goalCommand(goal, dice.pick(['approve', 'reject']))],
      [10, () => this.#taskCommand(goal)],
      [4, () => this.#agentCommand(agent)],
      [this.#children.length < childrenMax ? 3 : 0, () => this.#spawn(`Eve ${dice.int(9)}`, agent)],
      [1, () => this.#stopChild()],
      [3, () => this.#ask(undefined, { way: 'publish', verb: 'goal.nonsense', body: {} })],
      [remedy ? 20 : 0, () => remedy && this.#direct(remedy)],
      [5, () => repeated && this.#repeat(repeated)],
    ];
    let chance = dice.number() * wishes.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, wish] of wishes) {
      chance -= weight;
      if (chance < 0) {
        wish();
        return;
      }
    }
  }

  #spawn(name: string, parentId: string | null = null): void {
    const policy = this.process.dice.pick(['restart', 'backoff', 'escalate', 'stop'] as const);
    const subject = this.#subject();
    const input = readInput(agentInput, {
      name,
      parentId,
      maxConcurrentGoals: 20,
      supervision: { policy },
      systemPrompt: noteOf(subject),
      ...subject,
    });
    const ask = this.#ask(this.#key(), { way: 'command', make: (context) => spawnAgent(input, context) });
    void ask.then((reply) => {
      if (!reply?.ok) return;
      this.agents.push(reply.id);
      if (parentId !== null) this.#children.push(reply.id);
    });
  }

  /** Its own children stop with it; the others go on, or the client would have nobody left. */
  #stopChild(): void {
    const child = this.process.dice.pick<string | undefined>(this.#children);
    if (child === undefined) return;
    const make = (context: RequestContext): Envelope => commandAgent(child, 'stop', {}, context);
    void this.#ask(this.#key(), { way: 'command', make }, true);
  }

  #submit(agentId: string): void {
    const { dice } = this.process;
    const subject = this.#subject();
    const note = noteOf(subject);
    const body = {
      agentId,
      ...subject,
      labels: { note },
      ...(dice.chance(0.15) ? { text: note } : { plan: { tasks: randomPlan(dice, this.#world.tasksMax, note) } }),
      priority: dice.int(10),
      dependsOn: this.#goals.filter(() => dice.chance(0.15)),
      ...(dice.chance(0.2)
        ? { deadline: new Date(this.#clock.now() / 1000 + dice.between(20_000, 90_000)).toISOString() }
        : {}),
      requireApproval: dice.chance(0.1),
    };
    const key = dice.chance(0.8) ? this.#key() : undefined;
    const ask = dice.chance(0.5)
      ? this.#ask(key, { way: 'publish', verb: 'goal.submit', body: body as Json })
      : this.#ask(key, { way: 'command', make: (context) => submitGoal(readInput(goalInput, body), context) });
    void ask.then((reply) => reply?.ok && this.#goals.push(reply.id));
  }

  #message(agent: string): void {
    const { dice } = this.process;
    const subject = this.#subject();
    const input = { type: 'note', payload: { n: ++this.#counter, note: noteOf(subject) }, ...subject };
    const key = dice.chance(0.5) ? this.#key() : undefined;
    if (dice.chance(0.5)) void this.#ask(key, { way: 'publish', verb: `agent.message.${agent}`, body: input });
    else void this.#ask(key, { way: 'command', make: (context) => messageAgent(agent, input, context) }, true);
  }

  /** More than one actor may have of a window, and somebody who dies of it now and then. */
  #flood(agent: string): void {
    const { dice } = this.process;
    this.#hasFlooded = true;
    const messages = Array.from({ length: floodMessages }, () => {
      const input = { type: 'note', payload: { n: ++this.#counter } };
      return messageAgent(agent, input, this.#context(undefined));
    });
    void this.#world.flood(messages, this.process).catch(() => {});
    if (dice.chance(0.7)) faults['kernel-crash']?.(this.#world, dice);
  }

  #goalCommand(goal: string, verb: 'cancel' | 'pause' | 'resume' | 'approve' | 'reject'): void {
    void this.#ask(this.#key(), { way: 'command', make: (context) => commandGoal(goal, verb, {}, context) }, true);
  }

  #taskCommand(goal: string): void {
    const { dice } = this.process;
    const tasks = [...(this.#world.story.goals.get(goal)?.tasks ?? [])];
    if (tasks.length === 0) return;
    const dead = tasks.filter(([, { status }]) => status === 'dead_letter');
    const [key] = dice.pick(dead.length > 0 ? dead : tasks);
    const make = (context: RequestContext): Envelope =>
      dead.length > 0 ? redriveTask(`${goal}.${key}`, context) : cancelTask(`${goal}.${key}`, {}, context);
    void this.#ask(this.#key(), { way: 'command', make }, true);
  }

  /** What an operator does about what has failed: what is suspended is resumed, and what was parked is redriven. */
  #remedies(): readonly Remedy[] {
    const { suspended, parked } = this.#world.story;
    return [
      ...[...suspended].map((id) => (context: RequestContext) => resumeActor(id, context)),
      ...[...parked].map((id) => (context: RequestContext) => redriveDeadLetter(id, context)),
    ];
  }

  #direct(make: Remedy): void {
    void this.#ask(this.#key(), { way: 'command', make }, true);
  }

  #agentCommand(agent: string): void {
    const { dice } = this.process;
    const verb = dice.pick(['pause', 'resume', 'resume', 'rename'] as const);
    const make = (context: RequestContext): Envelope =>
      verb === 'rename'
        ? patchAgent(agent, { name: `Bob ${dice.int(3)}` }, context)
        : commandAgent(agent, verb, {}, context);
    void this.#ask(verb === 'rename' ? undefined : this.#key(), { way: 'command', make }, verb !== 'rename');
  }

  /** Whose data the next request brings, if anybody's. */
  #subject(): { readonly subject?: string } {
    const { dice } = this.process;
    return dice.chance(0.4) ? { subject: `person-${dice.int(3)}` } : {};
  }

  #key(): string {
    return `k${++this.#counter}`;
  }

  #ask(key: string | undefined, what: Way, isDirect = false): Promise<Reply | undefined> {
    const asked: Asked = { key, what, isDirect, answer: undefined };
    this.asked.push(asked);
    return this.#repeat(asked);
  }

  /** Asks, again and again where there is a key, until there is an answer. */
  #repeat(asked: Asked): Promise<Reply | undefined> {
    const replyTo = `astra.reply.${org}.${++this.#counter}`;
    const isDone = asked.answer?.ok === true;
    return new Promise((resolve) => {
      let isAnswered = false;
      this.#world.hear(this.process, replyTo, (answer) => {
        const reply = answer as Reply;
        if (isAnswered || (!reply.ok && isPassing(reply))) return;
        isAnswered = true;
        this.#answered(asked, reply, isDone);
        resolve(reply);
      });
      const again = (): void => {
        if (isAnswered) return;
        this.#send(asked, replyTo).catch(() => {});
        if (asked.key !== undefined) this.#clock.after(this.process.dice.between(1500, 5000), again);
        else this.#clock.after(30_000, () => resolve(undefined));
      };
      again();
    });
  }

  /** `isDone`: the success had been heard of before this was asked. */
  #answered(asked: Asked, reply: Reply, isDone: boolean): void {
    const { key, answer, isDirect } = asked;
    if (!answer?.ok) asked.answer = reply;
    if (key === undefined || !answer?.ok) return;
    // A failure that was on its way meanwhile; and what creates is decided anew by who was created, which may fail on that. Any
    // other command is remembered by its key: no behavior decides it again, and none can fail on it.
    if (isPlanted(reply) && !(isDone && isDirect)) return;
    if (!reply.ok || reply.id !== answer.id || !isDeepStrictEqual(reply.data ?? answer.data, answer.data ?? reply.data))
      this.#world.violate('I3', `key ${key} was answered ${JSON.stringify(answer)} and then ${JSON.stringify(reply)}`);
  }

  async #send({ key, what, isDirect }: Asked, replyTo: string): Promise<void> {
    const network = this.#world.network;
    if (what.way === 'publish') {
      const { verb, body } = what;
      const publication = {
        org,
        verb,
        contentType: 'application/json',
        payload: Buffer.from(JSON.stringify(body)),
        replyTo,
      };
      await network.ask(this.process, async () => {
        network.bus.publish(key === undefined ? publication : { ...publication, idempotencyKey: key });
      });
      return;
    }
    await this.#world.command({ ...what.make(this.#context(key)), replyTo }, this.process, isDirect);
  }

  #context(key: string | undefined): RequestContext {
    const { dice } = this.process;
    const entropy = (): Buffer => Buffer.from(Array.from({ length: 10 }, () => dice.int(256)));
    return {
      org,
      principal: 'key:client',
      route: 'simulated',
      now: this.#clock.now(),
      newId: (prefix) => timeId(prefix, Math.floor(this.#clock.now() / 1000), entropy()),
      ...(key === undefined ? {} : { idempotencyKey: key }),
    };
  }
}

const noteOf = ({ subject }: { readonly subject?: string }): string =>
  subject === undefined ? 'anybody may know' : secret;

/** A behavior failed on it, or was killed with its process, as planted: that says nothing of what was asked. */
const isPlanted = (reply: Reply): boolean =>
  !reply.ok && (reply.problem.code === 'killed_process' || reply.problem.detail.includes(planted));

/** What is refused now may be taken when it is asked again. */
const isPassing = (reply: Reply): boolean =>
  !reply.ok && ['unavailable', 'overloaded', 'indeterminate'].includes(reply.problem.kind);
