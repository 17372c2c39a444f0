-- write: drive, hashes
WITH gone AS (
	DELETE FROM block b
	USING unnest($2::bytea[]) w (sha256)
	WHERE b.drive = $1 AND b.sha256 = w.sha256 AND b.doubtful AND NOT b.shared AND NOT b.let_go
		AND NOT {{block_referenced}}
	RETURNING b.sha256, b.generation, b.size, b.uploader
),
less AS ({{drive_blocks_less gone}})
SELECT *
FROM gone
