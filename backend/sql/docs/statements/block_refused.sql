-- write: drive, hashes
WITH gone AS (
	DELETE FROM block b
	USING unnest($2::bytea[]) w (sha256)
	WHERE b.drive = $1 AND b.sha256 = w.sha256 AND b.doubtful AND NOT b.shared AND NOT b.let_go
		AND NOT EXISTS (
		SELECT FROM extent x WHERE x.kind = 1 AND x.sha256 = b.sha256 AND x.node >> 32 = $1
	)
	RETURNING b.sha256, b.generation, b.size, b.uploader
),
less AS (
	INSERT INTO drive_blocks AS p (drive, part, bytes)
	SELECT $1, 0, -sum({{block_counts size}})
	FROM gone
	HAVING count(*) > 0
	ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
)
SELECT *
FROM gone
