-- write: drive, hashes, grace, whether also blocks that were let go
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
less AS ({{drive_blocks_less gone}})
SELECT g.*, (SELECT count(*) FROM kept)
FROM (SELECT) one
LEFT JOIN gone g ON true
