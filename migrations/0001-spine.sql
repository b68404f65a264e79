-- The event store (architecture.md, section 4, "Tables"). Forward only: a published migration is never changed.

create table meta (
  one                 boolean     constraint meta_pk primary key default true constraint meta_one_row check (one),
  shards              smallint    not null,
  database_id         text        not null,
  generation          integer     not null default 1,
  -- The least schema version a program must know to write here.
  minimum_version     integer     not null default 1
);
insert into meta (shards, database_id) values (64, gen_random_uuid()::text);

-- Dictionaries: codes are given once, before their first use, and never change.
create table orgs (
  code                integer     generated always as identity constraint orgs_pk primary key,
  name                text        not null constraint orgs_name_unique unique
);
create table event_types (
  code                smallint    generated always as identity constraint event_types_pk primary key,
  actor_type          text        not null,
  name                text        not null,
  constraint event_types_name_unique unique (actor_type, name)
);

-- Rows are narrow because that is speed. `type` names the actor type too. Segments of 2^20 seqs: archiving drops one.
create table events (
  shard               smallint    not null,
  seq                 bigint      not null,
  epoch               integer     not null,
  commit_seq          bigint      not null,
  org                 integer     not null,
  actor               bytea       not null,
  version             integer     not null,
  type                smallint    not null,
  schema              smallint    not null,
  at                  bigint      not null,
  body                bytea       not null,
  hash                bytea       not null,
  constraint events_pk primary key (shard, seq)
) partition by range (seq);
create index events_actor on events (actor, version);
alter table events alter column body set storage external;

create table events_0 partition of events for values from (0) to (1048576);
create table events_1 partition of events for values from (1048576) to (2097152);

create view events_readable as
  select e.shard, e.seq, e.epoch, e.commit_seq, o.name as org, t.actor_type, encode(e.actor, 'hex') as actor, e.version,
         t.name as type, e.schema, to_timestamp(e.at / 1000000.0) as at, e.body, encode(e.hash, 'hex') as hash
  from events e join orgs o on o.code = e.org join event_types t on t.code = e.type;

-- The one authority for ownership and progress. `sent` and `got` are one big-endian u64 a shard: passing and storing them
-- as bytes spares the parsing of 128 numbers a row and commit. Half of each page is left free for updates in place.
create table shards (
  shard               smallint    constraint shards_pk primary key,
  epoch               integer     not null default 0,
  owner               text,
  lease_until         timestamptz,
  seq                 bigint      not null default 0,
  hash                bytea       not null,
  at                  bigint      not null default 0,
  lane_generation     integer     not null default 1,
  lane_sequence       bigint      not null default 0,
  lane_time           bigint      not null default 0,
  sent                bytea       not null,
  got                 bytea       not null,
  unconfirmed_seq     bigint      not null default 1,
  evt_seq             bigint      not null default 0,
  flushed_seq         bigint      not null default 0,
  trying              text,
  tries               smallint    not null default 0
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
alter table shards alter column sent set storage plain;
alter table shards alter column got set storage plain;
insert into shards (shard, hash, sent, got)
  select s, sha256(convert_to('astra' || database_id, 'UTF8') || int2send(s::smallint)),
         decode(repeat('00', 8 * shards), 'hex'), decode(repeat('00', 8 * shards), 'hex')
  from meta, generate_series(0, shards - 1) s;

create table snapshots (
  shard               smallint    not null,
  actor_type          text        not null,
  actor_id            bytea       not null,
  org                 integer     not null,
  version             integer     not null,
  seq                 bigint      not null,
  behavior_version    integer     not null,
  due                 bigint,
  state               bytea       not null,
  constraint snapshots_pk primary key (shard, org, actor_type, actor_id)
);
create index snapshots_due on snapshots (shard, due) where due is not null;

-- Keyed commands that create nothing, by day of expiry: a day is dropped whole.
create table commands (
  shard               smallint    not null,
  command_id          text        not null,
  fingerprint         text        not null,
  org                 text        not null,
  actor_type          text        not null,
  actor_id            text        not null,
  seq                 bigint      not null,
  expires_at          bigint      not null
) partition by range (expires_at);
create index commands_id on commands (shard, command_id);

create table actors_ended (
  shard               smallint    not null,
  actor               bytea       not null,
  org                 integer     not null,
  version             integer     not null,
  seq                 bigint      not null,
  fingerprint         text,
  constraint actors_ended_pk primary key (shard, org, actor)
);

create table kernels (
  owner               text        constraint kernels_pk primary key,
  host                text        not null,
  seen_at             timestamptz not null default now()
);

-- The secret itself is nowhere: `hash` is its SHA-256.
create table api_keys (
  id                  text        constraint api_keys_pk primary key,
  org                 text        not null,
  name                text        not null,
  scopes              text[]      not null,
  hash                bytea       not null,
  created_at          timestamptz not null default now(),
  revoked_at          timestamptz
);

-- Keys of personal data. Erasing a subject deletes its row: what was sealed with it stays unreadable.
create table subject_keys (
  kid                 text        constraint subject_keys_pk primary key,
  org                 text        not null,
  subject             text        not null,
  key                 bytea       not null,
  created_at          timestamptz not null default now(),
  constraint subject_keys_subject_unique unique (org, subject)
);

-- Artifacts of roles that share no file system, in chunks of 1 MiB.
create table artifacts (
  org                 text        not null,
  sha256              bytea       not null,
  size                bigint      not null,
  media_type          text        not null,
  created_at          timestamptz not null default now(),
  constraint artifacts_pk primary key (org, sha256)
);
create table artifact_chunks (
  org                 text        not null,
  sha256              bytea       not null,
  n                   integer     not null,
  bytes               bytea       not null,
  constraint artifact_chunks_pk primary key (org, sha256, n),
  constraint artifact_chunks_artifact foreign key (org, sha256) references artifacts (org, sha256) on delete cascade
);
alter table artifact_chunks alter column bytes set storage external;
