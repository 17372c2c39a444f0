-- write: drive, -, -, -
-- The missing entries are unknown, so all entries are removed, and an entry that reports nothing new about the root
-- follows the gap. A client that has received all changes receives this one, too; all others get the answer that the
-- entries are no longer kept.
WITH d AS (
	UPDATE drive SET seq = seq + 1
	WHERE id = $1
	RETURNING seq
),
gone AS (DELETE FROM journal j USING d WHERE j.drive = $1 AND j.seq < d.seq)
INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)
SELECT $1, d.seq, {{FSCK_JOURNAL_OP}}, {{FSCK_JOURNAL_WHAT}}, $1::bigint << 32 | 1, $1::bigint << 32 | 1, 0, 0, 0, 0, '', '', ''
FROM d
