-- read: drive, less than 0 at the beginning, hash, limit
-- No hash is before an empty one, which is no hash, either, but a row may have it.
SELECT b.sha256, b.generation, b.size, NOT b.doubtful AND (
	SELECT true FROM extent x WHERE x.kind = 1 AND x.sha256 = b.sha256 AND x.node >> 32 = $1 LIMIT 1
) IS NULL
FROM block b
WHERE b.drive = $1 AND b.sha256 >= $3 AND (b.sha256 > $3 OR $2 < 0) AND {{fsck_checked}}
ORDER BY b.sha256
LIMIT $4
