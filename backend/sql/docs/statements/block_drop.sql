-- write: drive, hashes, touched
WITH gone AS (
	DELETE FROM block b
	USING unnest($2::bytea[], $3::bigint[]) w (sha256, touched)
	WHERE b.drive = $1 AND b.sha256 = w.sha256 AND b.doubtful AND {{block_touched}} = w.touched
		AND NOT {{block_referenced}}
	RETURNING b.sha256, b.generation, b.size, b.uploader
),
less AS ({{drive_blocks_less gone}})
SELECT *
FROM gone
