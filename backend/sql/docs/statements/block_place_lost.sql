-- read: node and at of the extent after which the page begins, limit
-- Finds blocks that documents use and that have no row. LIMIT makes each a look-up, as in fsck_extents.
WITH page AS MATERIALIZED (
	SELECT x.node, x.at, x.kind, x.sha256, x.generation
	FROM extent x
	WHERE (x.node, x.at) > ($1, $2)
	ORDER BY x.node, x.at
	LIMIT $3
),
lost AS (
	SELECT DISTINCT (p.node >> 32)::int AS drive, p.sha256, p.generation
	FROM page p
	WHERE p.kind = 1 AND (SELECT true FROM node n WHERE n.id = p.node LIMIT 1) AND (
		SELECT true
		FROM block b
		WHERE b.drive = (p.node >> 32)::int AND b.sha256 = p.sha256 AND b.generation = p.generation
		LIMIT 1
	) IS NULL
)
SELECT e.node, e.at, l.drive, l.sha256, l.generation
FROM (SELECT p.node, p.at FROM page p ORDER BY p.node DESC, p.at DESC LIMIT 1) e
LEFT JOIN lost l ON true
