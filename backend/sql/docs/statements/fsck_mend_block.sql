-- write: drive, generation, size, hash
-- Makes the row of a block whose bytes exist and to which extents refer.
WITH b AS (
	INSERT INTO block (drive, sha256, generation, size, uploader, doubtful)
	SELECT $1, $4, $2, $3, d.owner, false
	FROM drive d
	WHERE d.id = $1
	ON CONFLICT (drive, sha256) DO NOTHING
	RETURNING drive, size
),
charge AS (
	INSERT INTO drive_blocks AS p (drive, part, bytes)
	SELECT b.drive, 0, {{block_counts b.size}}
	FROM b
	ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
)
SELECT b.size
FROM b
UNION ALL
SELECT b.size
FROM block b
WHERE b.drive = $1 AND b.sha256 = $4 AND b.generation = $2 AND b.size = $3
