import { GoalModel } from '../../actors/testing/model.ts';
import { headId } from '../../kernel/address.ts';
import { positionOf } from '../../kernel/brand.ts';
import type { Json } from '../../kernel/envelope.ts';
import type { EventRecord } from '../../kernel/event.ts';
import { planted } from './failures.ts';
import { stampedOf } from './stamped.ts';
import type { Violate } from './violation.ts';

/** Verbs by which the holder of an attempt speaks of it, and what comes of them. */
const reports: Readonly<Record<string, string>> = {
  TaskStarted: 'claim',
  TaskCompleted: 'complete',
  TaskProgressed: 'progress',
};
/**
 * Asked again by design when a submission is repeated: it is declined, and settled. An attempt is given back, and its progress shown,
 * as often as that is said.
 */
const repeatable = new Set(['AgentGoalAdmitted', 'GoalAdmissionDeclined', 'AgentGoalSettled']);
const births = new Set(['GoalSubmitted', 'AgentSpawned']);

/** Refusals that are kept, because nobody waits for the answer: of what tasks send, and of what is redriven. */
const kept = new Set(['agent_name_taken', 'agent_not_accepting']);

/** What the events tell, one after the other: no command works twice (I3), and every goal and task ends once (I8). */
export class StoryCheck {
  readonly goals = new Map<string, GoalModel>();
  /** Attempts that are committed to be offered. */
  readonly queued = new Set<string>();
  /** Dead letters that wait for somebody to redrive them: commands that behaviors failed on, or that kernels died of. */
  readonly parked = new Set<string>();
  /** What watches over actors that wait for somebody to resume them. */
  readonly suspended = new Set<string>();
  /** Seqs of the first and last event of a command on an actor. */
  readonly #commands = new Map<string, { last: number }>();
  /** By name: the command that reserved it last. */
  readonly #reserving = new Map<string, string>();
  readonly #born = new Set<string>();
  readonly #holders = new Map<string, { attempt: Json; worker: Json; incarnation: Json }>();
  readonly #violate: Violate;

  constructor(violate: Violate) {
    this.#violate = violate;
  }

  hear(event: EventRecord): void {
    const { actor, type, shard, seq } = event;
    const position = positionOf(shard, seq);
    if (births.has(type)) {
      if (this.#born.has(actor.id)) this.#violate('I3', `${type} of ${actor.id} a second time, at ${position}`);
      this.#born.add(actor.id);
    }
    this.#once(event);
    if (type === 'DeadLetterParked') this.#parked(event);
    if (type === 'DeadLetterRedriven') this.parked.delete(actor.id);
    if (type === 'ActorSuspended') this.suspended.add(actor.id);
    if (type === 'ActorResumed') this.suspended.delete(actor.id);
    if (actor.type === 'task') this.#attempt(event);
    if (actor.type !== 'goal' && actor.type !== 'task') return;
    const goal = this.#goal(headId(actor.id));
    try {
      goal.fold(stampedOf(event));
    } catch (error) {
      this.#violate('I8', `${position} ${actor.id}: ${error instanceof Error ? error.message : error}`);
    }
  }

  #goal(id: string): GoalModel {
    const known = this.goals.get(id);
    if (known) return known;
    const goal = new GoalModel();
    this.goals.set(id, goal);
    return goal;
  }

  /** All that one command does to one actor, it does at once. */
  #once({ actor, type, data, commandId, command, shard, seq }: EventRecord): void {
    if (repeatable.has(type) || command?.verb === 'decline' || command?.verb === 'progress') return;
    const name = `${actor.id} ${commandId}`;
    const known = this.#commands.get(name);
    if (known && known.last !== seq - 1)
      this.#violate(
        'I3',
        `${type} at ${positionOf(shard, seq)}: command ${commandId} has changed ${actor.id} before, at seq ${known.last}`,
      );
    this.#commands.set(name, { last: seq });
    if (type === 'NameReserved') this.#reserving.set(actor.id, name);
    // An agent on whose birth its behavior failed has not kept its name: the same request, asked again, reserves it again.
    const isUnborn = type === 'NameReleased' && !this.#born.has((data as { readonly holder: string }).holder);
    if (isUnborn) this.#commands.delete(this.#reserving.get(actor.id) ?? '');
  }

  /** A report counts for the attempt that it names, and from its holder. */
  #attempt({ actor, type, data, command, shard, seq }: EventRecord): void {
    const told = data as { readonly attempt?: number };
    if (type === 'TaskQueued') this.queued.add(`${actor.id}:${told.attempt}`);
    const verb = reports[type];
    if (verb === undefined && command?.verb !== 'fail') return;
    const body = command?.body as { attempt: Json; worker: Json; incarnation: Json } | undefined;
    if (!body || (verb !== undefined && command?.verb !== verb)) return;
    const { attempt, worker, incarnation } = body;
    if (type === 'TaskStarted') this.#holders.set(actor.id, { attempt, worker, incarnation });
    const holder = this.#holders.get(actor.id);
    if (told.attempt !== attempt || holder?.worker !== worker || holder.incarnation !== incarnation)
      this.#violate(
        'I8',
        `${type} of attempt ${told.attempt} at ${positionOf(shard, seq)} comes from attempt ${attempt} of ${worker}/${incarnation}, held by ${holder?.worker}/${holder?.incarnation}`,
      );
  }

  /** Nothing is sent here that a behavior may fail on, but on purpose. */
  #parked({ actor, data, shard, seq }: EventRecord): void {
    const { error, origin } = data as {
      readonly error: { code: string; detail: string };
      readonly origin: { source: string };
    };
    // Whoever is decided on whenever its kernel is killed cannot be told from who kills it.
    if (error.code === 'killed_process' || error.detail.endsWith(planted)) this.parked.add(actor.id);
    else if (origin.source !== 'publication' && !kept.has(error.code))
      this.#violate('defect', `parked at ${positionOf(shard, seq)}: ${error.code}, ${error.detail}`);
  }
}
