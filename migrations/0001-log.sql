-- The event store (docs/architecture.md, "Tables"). Forward only: a published migration is never changed.

create table meta (
  one                 boolean     not null default true constraint meta_pk primary key constraint meta_one_row check (one),
  -- Fixed for ever: it places every actor.
  shards              smallint    not null constraint meta_shards_range check (shards between 1 and 1024),
  -- What every shard's hash chain begins with.
  database_id         text        not null,
  -- Counts how often the bus forgot.
  generation          integer     not null default 1,
  -- The least migration a program has to know to write here.
  minimum_version     integer     not null default 1
);
insert into meta (shards, database_id) values (64, gen_random_uuid()::text);

-- Dictionaries. A code is given in a transaction of its own before its first use, and never changes.
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

-- Rows are narrow because that is speed: `type` tells the actor type too, and no column needs padding in this order.
create table events (
  seq                 bigint      not null,
  commit_seq          bigint      not null,
  -- Microseconds since 1970, by this server's clock.
  at                  bigint      not null,
  epoch               integer     not null,
  org                 integer     not null,
  version             integer     not null,
  shard               smallint    not null,
  type                smallint    not null,
  schema              smallint    not null,
  -- The 16 bytes of an id, for a member of a family followed by its key in UTF-8.
  actor               bytea       not null,
  hash                bytea       not null,
  -- One msgpack value. Compressing it would cost a commit more than it spares.
  body                bytea       not null,
  constraint events_pk primary key (shard, seq)
) partition by range (seq);
create index events_actor on events (actor, version);
alter table events alter column body set storage external;

-- Makes a segment of 2^20 seqs beside the table and then attaches it, which locks out neither commits nor reads.
-- Bodies up to a page stay in their row.
create function make_events_segment(segment integer) returns void language plpgsql as $$
declare
  made text := 'events_' || segment;
begin
  perform pg_advisory_xact_lock(hashtext('make_events_segment'));
  if to_regclass(made) is not null then return; end if;
  execute format('create table %I (like events including storage) with (toast_tuple_target = 8160)', made);
  execute format('alter table %I add constraint %I primary key (shard, seq)', made, made || '_pk');
  execute format('create index %I on %I (actor, version)', made || '_actor', made);
  execute format('alter table events attach partition %I for values from (%s) to (%s)',
                 made, segment::bigint << 20, (segment + 1)::bigint << 20);
end $$;
select make_events_segment(0), make_events_segment(1);

-- The one authority for ownership and progress. `sent` and `got` hold one big-endian u64 for each shard: they are passed
-- and stored as they are, which spares parsing 128 numbers a shard and commit. No index covers what a commit changes and
-- pages are kept nearly empty, so that every update stays in its page (HOT).
create table shards (
  shard               smallint    not null constraint shards_pk primary key,
  tries               smallint    not null default 0,
  epoch               integer     not null default 0,
  seq                 bigint      not null default 0,
  at                  bigint      not null default 0,
  lane_generation     integer     not null default 1,
  lane_sequence       bigint      not null default 0,
  -- Nanoseconds since 1970, by the bus's clock.
  lane_time           bigint      not null default 0,
  unconfirmed_seq     bigint      not null default 1,
  evt_seq             bigint      not null default 0,
  flushed_seq         bigint      not null default 0,
  lease_until         timestamptz,
  owner               text,
  trying              text,
  hash                bytea       not null,
  sent                bytea       not null,
  got                 bytea       not null,
  constraint shards_lease check ((owner is null) = (lease_until is null))
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
alter table shards alter column sent set storage plain;
alter table shards alter column got set storage plain;
insert into shards (shard, hash, sent, got)
  select s, sha256(convert_to('astra' || database_id, 'UTF8') || int2send(s::smallint)),
         decode(repeat('00', 8 * shards), 'hex'), decode(repeat('00', 8 * shards), 'hex')
  from meta, generate_series(0, shards - 1) s;

-- Caches of state: only committed ones, upwards only, under the epoch. `due` is the next timer.
create table snapshots (
  seq                 bigint      not null,
  due                 bigint,
  org                 integer     not null,
  version             integer     not null,
  behavior_version    integer     not null,
  shard               smallint    not null,
  actor_type          text        not null,
  actor_id            bytea       not null,
  state               bytea       not null,
  constraint snapshots_pk primary key (shard, org, actor_type, actor_id)
);
create index snapshots_due on snapshots (shard, due) where due is not null;

-- Keyed commands that create nothing, by day of expiry: a day is dropped whole.
create table commands (
  seq                 bigint      not null,
  expires_at          bigint      not null,
  shard               smallint    not null,
  command_id          text        not null,
  fingerprint         text        not null,
  org                 text        not null,
  actor_type          text        not null,
  actor_id            text        not null
) partition by range (expires_at);
create index commands_id on commands (shard, command_id);

-- `day` counts from 1970-01-01.
create function make_commands_day(day integer) returns void language plpgsql as $$
declare
  made text := 'commands_' || to_char(date '1970-01-01' + day, 'YYYYMMDD');
begin
  perform pg_advisory_xact_lock(hashtext('make_commands_day'));
  if to_regclass(made) is not null then return; end if;
  execute format('create table %I (like commands)', made);
  execute format('create index %I on %I (shard, command_id)', made || '_id', made);
  execute format('alter table commands attach partition %I for values from (%s) to (%s)',
                 made, day * 86400000000, (day + 1) * 86400000000);
end $$;

-- Drops the days whose last command expired more than a day ago.
create function drop_expired_commands() returns void language plpgsql as $$
declare
  expired text;
begin
  perform pg_advisory_xact_lock(hashtext('make_commands_day'));
  for expired in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'commands'::regclass
      and to_date(right(c.relname, 8), 'YYYYMMDD') < (clock_timestamp() at time zone 'UTC' - interval '25 hours')::date
  loop
    execute format('drop table %I', expired);
  end loop;
end $$;

-- Written when a segment is archived: ids of ended actors are not given twice.
create table actors_ended (
  seq                 bigint      not null,
  org                 integer     not null,
  version             integer     not null,
  shard               smallint    not null,
  actor               bytea       not null,
  fingerprint         text,
  constraint actors_ended_pk primary key (shard, org, actor)
);

-- The kernel processes that renew leases.
create table kernels (
  owner               text        not null constraint kernels_pk primary key,
  host                text        not null,
  started_at          timestamptz not null default clock_timestamp(),
  seen_at             timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- For people with SQL.

-- An id's 26 characters of Crockford base32, and behind a dot the key of a member of its family.
create function id_text(actor bytea) returns text language sql immutable parallel safe as $$
  select string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + substring(bits from 1 + 5 * i for 5)::bit(5)::int, 1), '' order by i)
         || case when octet_length(actor) > 16 then '.' || convert_from(substring(actor from 17), 'UTF8') else '' end
  from (select B'00' || ('x' || encode(substring(actor from 1 for 16), 'hex'))::bit(128) as bits) b, generate_series(0, 25) i
$$;

create function counters(bytes bytea) returns bigint[] language sql immutable parallel safe as $$
  select array_agg(('x' || encode(substring(bytes from 1 + 8 * i for 8), 'hex'))::bit(64)::bigint order by i)
  from generate_series(0, octet_length(bytes) / 8 - 1) i
$$;

create view events_readable as
  select e.shard || ':' || e.seq as position, e.shard, e.seq, e.epoch, e.commit_seq, o.name as org, t.actor_type,
         id_text(e.actor) as actor, e.version, t.name as type, e.schema, to_timestamp(e.at / 1000000.0) as at,
         octet_length(e.body) as body_bytes, e.body, encode(e.hash, 'hex') as hash
  from events e join orgs o on o.code = e.org join event_types t on t.code = e.type;

create view shards_readable as
  select shard, epoch, owner, lease_until, seq, encode(hash, 'hex') as hash, to_timestamp(at / 1000000.0) as at,
         lane_generation, lane_sequence, to_timestamp(lane_time / 1000000000.0) as lane_time,
         counters(sent) as sent, counters(got) as got, unconfirmed_seq, evt_seq, flushed_seq, trying, tries
  from shards;
