-- doubt_blocks: Marks the blocks of deleted extents as doubtful, so that the collector checks them.
UPDATE block b SET doubtful = true, let_go = true, touched_at = now()
FROM (
	SELECT DISTINCT node >> 32 AS drive, sha256 FROM gone WHERE sha256 IS NOT NULL
) g
WHERE b.drive = g.drive AND b.sha256 = g.sha256
