-- read: drive, owner, names, count: like item_path.sql, but with a row for each step, the last step at the end
WITH RECURSIVE walk (depth, parent, id) AS (
	SELECT 0, ($1::bigint << 32) | 1, ($1::bigint << 32) | 1
	UNION ALL
	SELECT w.depth + 1, w.id, e.child
	FROM walk w
	JOIN entry e ON e.parent = w.id AND e.name = ($3::bytea[])[w.depth + 1]
)
SELECT d.incarnation, d.seq, w.depth, w.parent, {{node n}}
FROM drive d
LEFT JOIN walk w ON true
LEFT JOIN node n ON n.id = w.id
WHERE {{mine}}
ORDER BY w.depth
