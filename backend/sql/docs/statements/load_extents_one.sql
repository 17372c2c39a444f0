-- read: node, from, to
SELECT {{extent x}}
FROM extent x
WHERE x.node = $1 AND x.at >= COALESCE((
	SELECT y.at FROM extent y WHERE y.node = $1 AND y.at <= $2 ORDER BY y.at DESC LIMIT 1
), $2) AND x.at < $3 AND x.at + x.len > $2
{{enough}}
