-- Who may speak over HTTP. The secret itself is nowhere: `hash` is its SHA-256.
create table api_keys (
  id                  text        not null constraint api_keys_pk primary key,
  org                 text        not null constraint api_keys_org_form check (org ~ '^[a-z0-9-]{1,40}$'),
  name                text        not null,
  scopes              text[]      not null,
  hash                bytea       not null constraint api_keys_hash_sha256 check (octet_length(hash) = 32),
  created_at          timestamptz not null default clock_timestamp(),
  revoked_at          timestamptz
);
create index api_keys_org on api_keys (org, created_at);

-- Keys of personal data. Erasing a subject deletes its row: what was sealed with it stays unreadable.
create table subject_keys (
  kid                 text        not null constraint subject_keys_pk primary key,
  org                 text        not null,
  subject             text        not null,
  key                 bytea       not null constraint subject_keys_aes256 check (octet_length(key) = 32),
  created_at          timestamptz not null default clock_timestamp(),
  constraint subject_keys_subject_unique unique (org, subject)
);
