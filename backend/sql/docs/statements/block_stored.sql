-- write: drive, owner, hash, generation, size, uploader, latest or 0, step or 0
-- A new block is charged: first its row is written, then a part of the sum. A transaction that holds the part waits for
-- nothing any more, so there is no deadlock. The step of the move of blocks cannot change before this transaction is
-- committed.
WITH place AS (
	SELECT step
	FROM block_place
	FOR SHARE
),
d AS (SELECT d.id FROM drive d WHERE {{mine}}),
b AS (
	INSERT INTO block AS b (drive, sha256, generation, size, uploader)
	SELECT d.id, $3, $4, $5, $6
	FROM d
	WHERE ($7 = 0 OR extract(epoch FROM clock_timestamp())::bigint <= $7) AND ($8 = 0 OR $8 = (SELECT step FROM place))
	ON CONFLICT (drive, sha256) DO UPDATE SET {{block_found}}
	RETURNING {{block_columns}}
),
charge AS (
	INSERT INTO drive_blocks AS p (drive, part, bytes)
	SELECT d.id, pg_backend_pid() % 8, {{block_counts b.size}}
	FROM d, b
	WHERE b.generation = $4
	ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
)
SELECT b.*
FROM d
LEFT JOIN b ON true
