-- write: repair
-- No row: a check runs already.
WITH s AS (
	UPDATE fsck SET run = run + 1, state = 1, repair = $1, phase = 0, page = 1, drive = 0, at_number = 0,
		at_bytes = '', drives = 0, rows = 0, blocks = 0, bytes = 0, found = 0, mended = 0,
		bytes_total = (SELECT COALESCE(sum(bytes), 0)::bigint FROM drive_blocks),
		started_at = clock_timestamp(), ended_at = NULL, seen_at = '-infinity', holder = ''
	WHERE state <> 1
	RETURNING run
),
gone AS (DELETE FROM fsck_finding f USING s WHERE f.run < s.run)
SELECT run
FROM s
