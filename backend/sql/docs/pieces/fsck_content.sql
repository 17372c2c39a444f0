-- fsck_content n: The extents of a document: their number, their bytes, how many are invalid, and how many overlap
-- others.
SELECT count(*) AS extents, COALESCE(sum(x.len), 0)::bigint AS bytes, count(*) FILTER (WHERE x.len <= 0
	OR x.at < 0 OR x.kind NOT IN (0, 1, 2) OR (x.kind < 2 AND x.at + x.len > {{n}}.size)
	OR (x.kind = 0 AND (x.data IS NULL OR length(x.data) <> x.len))
	OR (x.kind = 1 AND (x.sha256 IS NULL OR length(x.sha256) <> 32 OR x.from_ < 0
	OR x.from_ + x.len > x.block_size))) AS bad, count(*) FILTER (WHERE x.at < x.before) AS over
FROM (
	SELECT y.*, lag(y.at + y.len) OVER (ORDER BY y.at) AS before FROM extent y WHERE y.node = {{n}}.id
) x
