-- read: drive, node, name, limit
WITH page AS MATERIALIZED (
	SELECT x.node, x.name
	FROM xattr x
	WHERE (x.node, x.name) > ($2, $3) AND {{of_drive x.node}} AND {{fsck_checked}}
	ORDER BY x.node, x.name
	LIMIT $4
),
found AS (
	SELECT {{FSCK_XATTR_WITHOUT_NODE}} AS kind, x.node AS id, NULL::bigint AS parent, NULL::bytea AS name, 0::bigint AS is_,
		0::bigint AS should
	FROM page x
	WHERE (SELECT true FROM node n WHERE n.id = x.node LIMIT 1) IS NULL
),
reached AS (
	SELECT node AS last, name AS last_bytes FROM page ORDER BY node DESC, name DESC LIMIT 1
)
{{fsck_rows}}
