-- write: drive, hashes, grace, also what was let go
WITH kept AS (
	UPDATE block b SET doubtful = false
	FROM unnest($2::bytea[]) w (sha256)
	WHERE {{still_doubtful}} AND {{block_referenced}}
	RETURNING 1
),
gone AS (
	DELETE FROM block b
	USING unnest($2::bytea[]) w (sha256)
	WHERE {{still_doubtful}} AND NOT {{block_referenced}}
	RETURNING b.sha256, b.generation, b.size, b.uploader
),
less AS (
	INSERT INTO drive_blocks AS p (drive, part, bytes)
	SELECT $1, 0, -sum({{block_counts size}})
	FROM gone
	HAVING count(*) > 0
	ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
)
SELECT g.*, (SELECT count(*) FROM kept)
FROM (SELECT) one
LEFT JOIN gone g ON true
