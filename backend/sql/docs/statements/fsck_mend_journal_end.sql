-- write: drive, -, -, -
-- What was to stand there nobody knows: all of it goes, and an entry that says nothing new of the root stands behind the
-- gap. Who was told of all that happened is told of this, too; all others are told that it is no longer kept.
WITH d AS (
	UPDATE drive SET seq = seq + 1
	WHERE id = $1
	RETURNING seq
),
gone AS (DELETE FROM journal j USING d WHERE j.drive = $1 AND j.seq < d.seq)
INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)
SELECT $1, d.seq, {{FSCK_JOURNAL_OP}}, {{FSCK_JOURNAL_WHAT}}, $1::bigint << 32 | 1, $1::bigint << 32 | 1, 0, 0, 0, 0, '', '', ''
FROM d
