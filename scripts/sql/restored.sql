-- Changes what must not stay the same when a store is restored to an earlier state. The changes since that state are
-- lost, but mounts, gateways and clients may have cached them.
--
-- Each drive gets another incarnation, so that positions of the drive that anybody has stored become invalid. Numbers
-- of changes and documents that were given since the backup are not given again: ETags and ids are made of them, and
-- would belong to something else. 2^32 and 2^24 are more numbers than anybody uses between a backup and its restore,
-- and leave room for hundreds of restores. The journal has no gaps, so it begins again, with an entry that reports
-- nothing new about the root (FSCK_JOURNAL_OP, FSCK_JOURNAL_WHAT).
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
-- The sessions of mounts end, and their numbers are not given to other sessions.
DELETE FROM session;
SELECT setval(pg_get_serial_sequence('session', 'id'),
	greatest(nextval(pg_get_serial_sequence('session', 'id')), extract(epoch FROM now())::bigint));
-- A check (fsck) that was running at the time of the backup ends.
UPDATE fsck SET state = 3 WHERE state = 1;
-- A dump does not contain the settings of the database itself. These are the settings of 0001_init.
DO $$
BEGIN
	EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
	EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_hashjoin = off', current_database());
	EXECUTE format('ALTER DATABASE %I SET enable_mergejoin = off', current_database());
END
$$;
