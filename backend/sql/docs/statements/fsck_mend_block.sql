-- write: drive, generation, size, hash
-- Makes the row of a block whose bytes exist and to which extents refer. A row with another generation or size is changed,
-- if no extent refers to a block as that row describes it.
WITH old AS MATERIALIZED (
	SELECT b.generation, b.size
	FROM block b
	WHERE b.drive = $1 AND b.sha256 = $4
	FOR UPDATE
),
made AS (
	INSERT INTO block (drive, sha256, generation, size, uploader, doubtful)
	SELECT $1, $4, $2, $3, d.owner, false
	FROM drive d
	WHERE d.id = $1
	ON CONFLICT (drive, sha256) DO NOTHING
	RETURNING {{block_counts size}} AS bytes
),
changed AS (
	UPDATE block b SET generation = $2, size = $3, doubtful = false
	FROM old o
	WHERE b.drive = $1 AND b.sha256 = $4 AND b.generation = o.generation AND b.size = o.size
		AND (o.generation <> $2 OR o.size <> $3) AND (
			SELECT true
			FROM extent x
			WHERE x.kind = 1 AND x.sha256 = $4 AND x.node >> 32 = $1 AND x.generation = o.generation
				AND x.block_size = o.size
			LIMIT 1
		) IS NULL
	RETURNING {{block_counts $3}} - {{block_counts o.size}} AS bytes
),
charge AS (
	INSERT INTO drive_blocks AS p (drive, part, bytes)
	SELECT $1, 0, c.bytes
	FROM (SELECT bytes FROM made UNION ALL SELECT bytes FROM changed) c
	ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
)
SELECT bytes
FROM made
UNION ALL
SELECT bytes
FROM changed
UNION ALL
SELECT o.size
FROM old o
WHERE o.generation = $2 AND o.size = $3
