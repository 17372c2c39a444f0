-- write: the first statement of a transaction that is not a single op: drive, its columns as guessed, session, its new
-- number
SELECT 1 / count(*)
FROM (
	SELECT
	FROM drive d
	JOIN session s ON s.id = $3 AND s.drive = $1 AND s.number = $4 - 1 AND {{alive s}}
	WHERE d.id = $1 AND d.trashed_at IS NULL AND {{drive_guessed d}} = $2::bigint[]
	FOR NO KEY UPDATE OF d, s
) held
