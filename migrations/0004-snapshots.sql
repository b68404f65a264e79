-- A snapshot is a cache: whoever likes may delete it. Where one goes whose actor is due, and it was not a kernel that forgot
-- it, the row that says how far the shard's snapshots are whole goes too: then the log is read from its start
-- (docs/architecture.md, "Snapshots").
create function snapshots_deleted() returns trigger language plpgsql as $$
begin
  if current_setting('astra.snapshots', true) is distinct from 'kept' and pg_trigger_depth() = 1 then
    delete from snapshots where actor_type = '' and shard in (select shard from deleted where due is not null);
  end if;
  return null;
end $$;
create trigger snapshots_deleted after delete on snapshots referencing old table as deleted
  for each statement execute function snapshots_deleted();
