-- read: drive, hash, limit
SELECT n.id, n.parent, n.name
FROM (
	SELECT DISTINCT x.node
	FROM extent x
	WHERE x.kind = 1 AND x.sha256 = $2 AND x.node >> 32 = $1
	ORDER BY x.node
	LIMIT $3
) x
JOIN node n ON n.id = x.node
