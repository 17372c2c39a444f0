-- read: drives, sha256s, generations
-- A scalar subquery stays one look-up per block.
SELECT w.i
FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) WITH ORDINALITY w (drive, sha256, generation, i)
WHERE (
	SELECT true
	FROM block b
	WHERE b.drive = w.drive::int AND b.sha256 = w.sha256 AND b.generation = w.generation
	LIMIT 1
) IS NULL
