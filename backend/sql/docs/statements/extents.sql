-- read: drive, owner, id, session, from, to, limit: the document, then an extent
-- Extents do not overlap, so the first extent that may touch the range is the last one that begins at or before it.
-- Reserved space reads as if it did not exist.
SELECT d.incarnation, d.seq, {{node n}}, {{extent x}}
FROM drive d
LEFT JOIN node n ON n.id = $3 AND {{visible n}}
LEFT JOIN LATERAL (
	SELECT x.*
	FROM extent x
	WHERE x.node = n.id AND x.at >= COALESCE((
		SELECT y.at
		FROM extent y
		WHERE y.node = n.id AND y.at <= $5
		ORDER BY y.at DESC
		LIMIT 1
	), $5) AND x.at < $6 AND x.at + x.len > $5 AND x.kind < 2
	ORDER BY x.at
	LIMIT $7
) x ON true
WHERE {{mine}}
