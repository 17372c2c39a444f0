-- extents_touching: Extents of w.node that touch [w.from_, w.to_).
SELECT x.*
FROM extent x
WHERE x.node = w.node AND x.at >= COALESCE((
	SELECT y.at
	FROM extent y
	WHERE y.node = w.node AND y.at <= w.from_
	ORDER BY y.at DESC
	LIMIT 1
), w.from_) AND x.at < w.to_ AND x.at + x.len > w.from_ OFFSET 0
