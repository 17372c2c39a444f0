-- What is no longer so when a store comes back as it was some time ago. What happened to it since is lost, but may be
-- remembered by mounts, gateways and clients.
--
-- Drives have another incarnation, so positions that anybody knows mean nothing. Numbers of changes and documents that
-- were given since are not given again: ETags and ids are made of them, and would be those of something else. 2^32 and
-- 2^24 are more than anybody makes between a backup and its use, and leave room for hundreds of them. The journal has no
-- gaps, so it begins anew, with an entry that says nothing new of the root (FSCK_JOURNAL_OP, FSCK_JOURNAL_WHAT).
WITH d AS (
	UPDATE drive
	SET incarnation = greatest(incarnation + 1, extract(epoch FROM now())::bigint),
		seq = seq + (1::bigint << 32),
		next_number = least(next_number + (1::bigint << 24), greatest(next_number, (1::bigint << 32) - (1 << 20)))
	RETURNING id, seq
),
gone AS (DELETE FROM journal j USING d WHERE j.drive = d.id)
INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)
SELECT d.id, d.seq, 2, 4, d.id::bigint << 32 | 1, d.id::bigint << 32 | 1, 0, 0, 0, 0, '', '', ''
FROM d;
-- Sessions of mounts end, and their numbers are not given to others.
DELETE FROM session;
SELECT setval(pg_get_serial_sequence('session', 'id'),
	greatest(nextval(pg_get_serial_sequence('session', 'id')), extract(epoch FROM now())::bigint));
-- A check that was under way is over.
UPDATE fsck SET state = 3 WHERE state = 1;
-- Settings of the database itself are no part of a dump of what is in it; these are those of 0001_init.
DO $$
BEGIN
	EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
	EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_hashjoin = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_mergejoin = off', current_database());
END
$$;
