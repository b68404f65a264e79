/*
 * Ownership, commit and channels (docs/architecture.md), over every interleaving: two shards, two processes that may own
 * either, one client, and at most FAULTS faults, at any step. README.md says what is modelled and what is not.
 *
 *   SENDER     decides the commands of its lane; each of its events has one effect, for RECEIVER
 *   RECEIVER   takes the effects of its channel in order; each of its events is one effect
 *
 * Every step makes progress or spends a fault: so every run ends, and "nothing forgotten" (I4) is said of its end.
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#define COMMANDS 2
#define SENDER 0
#define RECEIVER 1
#define NOBODY 0
#define PLACES (2 * COMMANDS + FAULTS)

/* What a shard wants to become: its part of a group commit. */
typedef Part {
  byte epoch;
  byte previous;                                    /* the seq it was built on */
  byte event;                                       /* the command behind it; 0: only the position moves */
  byte generation;                                  /* SENDER: of its place in the lane */
  byte position                                     /* SENDER: that place; RECEIVER: "got", the effects it has taken */
}

/* A row of `shards`, and that shard's events. */
typedef Row {
  byte epoch;
  byte owner;
  bool expired;                                     /* the lease: it only makes the shard claimable */
  byte seq;
  byte generation;
  byte position;
  byte event[COMMANDS];                             /* by seq - 1 … */
  byte under[COMMANDS]                              /* … and the epoch it was written under: both stand for its hash */
}
Row row[2];

/* Postgres executes a statement although nobody waits for its answer any more. */
Part straggler[2];
bool straggles[2];

/* The bus: the lane of SENDER, whose first command has place laneFrom + 1, and the channel. */
byte generation = 1;
byte lane[PLACES], laneCount, laneFrom;
byte channelN[PLACES], channelEvent[PLACES], channelCount;
byte heard[3];                                      /* by owner of RECEIVER: how much of the channel it has read */
bool taking[3];                                     /* by owner of RECEIVER: what it has read is not committed yet */

byte faults = FAULTS;
bool published[COMMANDS + 1], answered[COMMANDS + 1];

/* The invariants by name, so that a violation says which. */
bool I1 = true, I2 = true, I3 = true, I4 = true, I7 = true;

#define aFault(possible) faults > 0 && (possible) -> faults--
#define seqOf(s, which) (row[s].event[0] == which -> 1 : (row[s].event[1] == which -> 2 : 0))

mtype = { idle, unanswered, written, refused, unknown };

/* The commit statement: the row's lock makes it one step. */
inline execute(s, part, answer) {
  if
  ::
#ifndef NO_EPOCH_CHECK
     row[s].epoch == part.epoch &&
#endif
#ifndef NO_PREVIOUS_SEQ_CHECK
     row[s].seq == part.previous &&
#endif
     true ->
     assert(I2 && part.epoch == row[s].epoch);      /* one epoch at a time */
     if
     :: part.event ->
        assert(I2 && part.previous == row[s].seq);  /* dense, and nothing is written over */
        assert(I3 && seqOf(s, part.event) == 0);    /* once */
        row[s].event[part.previous] = part.event;
        row[s].under[part.previous] = part.epoch;
        row[s].seq = part.previous + 1
     :: else
     fi;
     if
     :: s == RECEIVER -> assert(I1 && seqOf(SENDER, part.event) == part.position)   /* it acts on what is committed */
     :: else
     fi;
     row[s].generation = part.generation;
     row[s].position = part.position;
     answer = written
  :: else -> answer = refused
  fi
}

inline keep(s, part) {
  straggles[s] = true;
  straggler[s].epoch = part.epoch;
  straggler[s].previous = part.previous;
  straggler[s].event = part.event;
  straggler[s].generation = part.generation;
  straggler[s].position = part.position
}

inline clear(part) {
  part.epoch = 0; part.previous = 0; part.event = 0; part.generation = 0; part.position = 0
}

inline publish(command) {
  lane[laneCount] = command;
  laneCount++;
  published[command] = true
}

inline send(n, command) {
  channelN[channelCount] = n;
  channelEvent[channelCount] = command;
  channelCount++
}

inline reply(command) {
  assert(I1 && seqOf(SENDER, command) > 0);         /* behind its commit */
  answered[command] = true
}

inline claimed() {
  row[s].owner = me;
  row[s].expired = false;
  row[s].epoch++;
  epoch = row[s].epoch
}

/* Memory is gone, or worth nothing. */
inline forget() {
  epoch = 0;
  seq = 0;
  position = 0;
  known = 0;
  command = 0;
  answer = idle;
  clear(part);
  if :: s == RECEIVER -> taking[me] = false; heard[me] = 0 :: else fi
}

/* From the log, everything that the receiver's row does not confirm. */
inline again() {
  n = row[RECEIVER].position;
  do
  :: n < seq -> send(n + 1, row[SENDER].event[n]); n++
  :: else -> break
  od;
  n = 0
}

/* Builds a part on what is in memory, and sends it. */
inline submit(what, where) {
  part.epoch = epoch;
  part.previous = seq;
  part.event = what;
  part.generation = known;
  part.position = where;
  answer = unanswered
}

/* One process as the owner of one shard, again and again; between any two of its steps it may be paused for any time. */
proctype Owner(byte s, me) {
  byte epoch, seq, position, known, command, n;     /* epoch 0: it owns nothing, as far as it knows */
  Part part;
  mtype answer = idle;
end:
  do
  /* — Ownership — */

  /* Which of the two is first makes no difference. */
  :: atomic { epoch == 0 && (row[s].owner == NOBODY && (me == 1 || row[s].epoch > 0) || row[s].expired) ->
       claimed();
       seq = row[s].seq;
       position = row[s].position;
       known = row[s].generation;
       printf("shard %d, process %d claims, epoch %d\n", s, me, epoch) }

  /* Nobody renews the lease of a process that is gone. */
  :: atomic { epoch == 0 && row[s].owner == me && !row[s].expired -> row[s].expired = true }

  :: atomic { aFault(epoch && row[s].owner == me && !row[s].expired);
       row[s].expired = true; printf("shard %d, process %d is late with its lease\n", s, me) }

  /* Renewing shows whose the shard is. */
  :: atomic { epoch && answer == idle && row[s].epoch == epoch && row[s].expired -> row[s].expired = false }
  :: atomic { epoch && answer == idle && row[s].epoch != epoch ->
       forget(); printf("shard %d, process %d finds it has a successor\n", s, me) }

  :: atomic { aFault(epoch && answer == idle && row[s].epoch == epoch);
       row[s].owner = NOBODY; forget(); printf("shard %d, process %d hands its shard over\n", s, me) }

  :: atomic { aFault(epoch);
       if
       :: answer == unanswered && !straggles[s] -> keep(s, part)
       :: true
       fi;
       forget(); printf("shard %d, process %d crashes\n", s, me) }

  /* — Deciding — */

  /* I7: a lane of another generation goes on at its beginning; what was decided of the old one has landed by then. */
  :: atomic { s == SENDER && epoch && answer == idle && known != generation ->
       known = generation;
#ifdef NO_GENERATION
       position = (position < laneFrom -> laneFrom : position)
#else
       position = laneFrom
#endif
     }

  :: atomic { s == SENDER && epoch && answer == idle && known == generation && position < laneFrom + laneCount ->
       command = lane[position - laneFrom];
       if
       /* I3: state is a fold of the log, and knows what was done. */
       :: seqOf(s, command) && seqOf(s, command) <= seq -> submit(0, position + 1)
       :: else -> submit(command, position + 1)
       fi;
#ifdef REPLY_BEFORE_COMMIT
       reply(command);
#endif
       printf("shard %d, process %d decides command %d\n", s, me, command) }

  :: atomic { s == RECEIVER && epoch && answer == idle && heard[me] < channelCount ->
       if
#ifndef NO_DEDUPLICATION
       :: channelN[heard[me]] != position + 1       /* it was here already, or comes again behind those that are missing */
#endif
       :: else -> submit(channelEvent[heard[me]], channelN[heard[me]]); taking[me] = true;
          printf("shard %d, process %d takes effect %d\n", s, me, part.position)
       fi;
       heard[me]++ }

  /* — Commit — */

  :: atomic { answer == unanswered -> execute(s, part, answer) }
  :: atomic { aFault(answer == unanswered);
       if
       :: execute(s, part, answer)
       :: true
       :: !straggles[s] -> keep(s, part)
       fi;
       answer = unknown; printf("shard %d, process %d does not hear what its commit came to\n", s, me) }
  :: atomic { aFault(answer == unanswered && !straggles[s]);
       keep(s, part); execute(s, part, answer); printf("shard %d, process %d: its statement is executed twice\n", s, me) }

  :: atomic { answer == refused -> forget(); printf("shard %d, process %d is fenced\n", s, me) }

  /* Claims the shard again, which fences a straggler; then it had landed, or is sent again. */
  :: atomic { answer == unknown ->
       if
       :: row[s].epoch == epoch ->
          claimed();
          if
#ifdef UNKNOWN_IS_WRITTEN
          :: true -> answer = written
#endif
          :: part.event && row[s].seq == seq + 1 && row[s].event[seq] == part.event && row[s].under[seq] == part.epoch ->
             answer = written
          :: else ->
             if
             :: row[s].seq == seq -> part.epoch = epoch; answer = unanswered
             :: else -> forget()
             fi
          fi
       :: else -> forget()
       fi }

  /* Landed: only here is anything let out (I1). */
  :: atomic { answer == written ->
       if :: part.event -> seq++ :: else fi;
       position = part.position;
       answer = idle;
       printf("shard %d, process %d is at seq %d\n", s, me, seq);
       if
       :: s == SENDER ->
          if
          :: part.event -> send(seq, part.event)
          :: part.event && faults > 0 -> faults--; printf("effect %d is lost\n", seq)
          :: !part.event
          fi;
          reply(command)
       :: else -> taking[me] = false
       fi }

  /* — The channel: what the receiver's row does not confirm is sent again — */

#ifndef NO_RESENDING
  /* It makes no progress: all that was sent has been read, and is not enough. What was read is purged. */
  :: atomic { s == SENDER && epoch && row[RECEIVER].position < seq && row[RECEIVER].owner != NOBODY &&
              heard[row[RECEIVER].owner] == channelCount && !taking[row[RECEIVER].owner] ->
       channelCount = 0; heard[1] = 0; heard[2] = 0;
       again() }
  /* Too early is harmless. */
  :: atomic { aFault(s == SENDER && epoch && row[RECEIVER].position < seq && channelCount + COMMANDS <= PLACES);
       again(); printf("shard %d, process %d sends its effects again\n", s, me) }
#endif
  od
}

proctype Straggler(byte s) {
  mtype answer;
end:
  do
  :: atomic { straggles[s] -> straggles[s] = false; execute(s, straggler[s], answer); answer = idle; clear(straggler[s]) }
  od
}

/* Asks for each command, in order; it may ask again when it is not answered. */
proctype Client() {
  byte next = 1;
end:
  do
  :: atomic { next <= COMMANDS -> publish(next); next++ }
  :: atomic { aFault(published[1] && !answered[1]); publish(1); printf("command 1 is asked for again\n") }
  od
}

/* I7: the bus forgets everything. The generation is raised, and sequences go on behind every one that a row has. */
proctype Forgetting() {
  byte i;
end:
  do
  :: atomic { aFault(true);
       for (i : 1 .. COMMANDS) { if :: seqOf(SENDER, i) == 0 -> published[i] = false :: else fi }
       laneFrom = row[SENDER].position;
       generation++;
       for (i : 0 .. PLACES - 1) { lane[i] = 0 }
       laneCount = 0;
       channelCount = 0; heard[1] = 0; heard[2] = 0;
       printf("the bus forgets\n") }
  od
}

/* When nothing can happen any more. */
active proctype End() {
  byte i;
  timeout;
  atomic {
  for (i : 1 .. COMMANDS) {
    assert(I3 && (!answered[i] || seqOf(SENDER, i)));     /* who got a success finds the event */
    assert(I7 && (!published[i] || seqOf(SENDER, i)))     /* what the bus took was done, but for what it forgot */
  }
  assert(I4 && row[RECEIVER].position == row[SENDER].seq && row[RECEIVER].seq == row[SENDER].seq);
  for (i : 0 .. COMMANDS - 1) {
    assert(I4 && row[RECEIVER].event[i] == row[SENDER].event[i])         /* every effect, once and in order */
  }
  }
}

init {
  atomic { run Owner(SENDER, 1); run Owner(SENDER, 2); run Owner(RECEIVER, 1); run Owner(RECEIVER, 2);
    run Straggler(SENDER); run Straggler(RECEIVER); run Client(); run Forgetting() }
}
