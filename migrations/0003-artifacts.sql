-- Artifacts of roles that share no file system, in chunks of 1 MiB. An upload is a row without sha256 until its last
-- chunk is here: so no transaction is held open for as long as a client sends.
create table artifacts (
  id                  bigint      generated always as identity constraint artifacts_pk primary key,
  org                 text        not null,
  sha256              bytea       constraint artifacts_sha256_length check (octet_length(sha256) = 32),
  size                bigint,
  created_at          timestamptz not null default clock_timestamp(),
  constraint artifacts_content_unique unique (org, sha256),
  constraint artifacts_complete check ((sha256 is null) = (size is null))
);
create index artifacts_unfinished on artifacts (created_at) where sha256 is null;

create table artifact_chunks (
  artifact            bigint      not null
                      constraint artifact_chunks_artifact references artifacts (id) on delete cascade,
  n                   integer     not null,
  bytes               bytea       not null,
  constraint artifact_chunks_pk primary key (artifact, n)
);
alter table artifact_chunks alter column bytes set storage external;
