-- write: drive, -, -, -
-- Uses one snapshot. Bytes that uploads add to the sums meanwhile are added separately.
WITH s AS (
	SELECT (SELECT COALESCE(sum({{block_counts b.size}}), 0)::bigint FROM block b WHERE b.drive = $1) - (
		SELECT COALESCE(sum(p.bytes), 0)::bigint FROM drive_blocks p WHERE p.drive = $1
	) AS missing
)
INSERT INTO drive_blocks AS p (drive, part, bytes)
SELECT $1, 0, s.missing
FROM s
WHERE s.missing <> 0
ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
