-- read: drive, node, at as eight bytes, limit
-- Finds extents without a document, and extents whose block has no row. LIMIT makes each a look-up; without it, the
-- planner may make a join over all rows.
WITH page AS MATERIALIZED (
	SELECT x.node, x.at, x.kind, x.sha256, x.generation, x.block_size
	FROM extent x
	WHERE (x.node, x.at) > ($2, ('x' || encode($3::bytea, 'hex'))::bit(64)::bigint) AND {{of_drive x.node}}
		AND {{fsck_checked}}
	ORDER BY x.node, x.at
	LIMIT $4
),
found AS (
	SELECT k.kind, x.node AS id, n.parent, n.name, x.at AS is_, k.should
	FROM page x
	LEFT JOIN LATERAL (SELECT n.* FROM node n WHERE n.id = x.node LIMIT 1) n ON true
	LEFT JOIN LATERAL (
		SELECT b.drive
		FROM block b
		WHERE b.drive = $1 AND b.sha256 = x.sha256 AND b.generation = x.generation AND b.size = x.block_size
		LIMIT 1
	) b ON true
	CROSS JOIN LATERAL (VALUES
		({{FSCK_EXTENT_WITHOUT_NODE}}, n.id IS NULL, 0::bigint),
		({{FSCK_BLOCK_MISSING}}, x.kind = 1 AND b.drive IS NULL AND n.id IS NOT NULL, x.generation)
	) k (kind, wrong, should)
	WHERE k.wrong
),
reached AS (
	SELECT node AS last, int8send(at) AS last_bytes FROM page ORDER BY node DESC, at DESC LIMIT 1
)
{{fsck_rows}}
