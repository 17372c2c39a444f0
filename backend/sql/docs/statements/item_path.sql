-- read: drive, owner, names, count: depth, parent, then the document
-- The array ends with the path: the name after it is NULL, and joins nothing.
WITH RECURSIVE walk (depth, parent, id) AS (
	SELECT 0, ($1::bigint << 32) | 1, ($1::bigint << 32) | 1
	UNION ALL
	SELECT w.depth + 1, w.id, e.child
	FROM walk w
	JOIN entry e ON e.parent = w.id AND e.name = ($3::bytea[])[w.depth + 1]
)
SELECT d.incarnation, d.seq, w.depth, w.parent, {{node n}}
FROM drive d
LEFT JOIN (SELECT * FROM walk ORDER BY depth DESC LIMIT 1) w ON true
LEFT JOIN node n ON n.id = w.id
WHERE {{mine}}
