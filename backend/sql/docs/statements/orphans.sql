-- read: grace, limit
-- A scalar subquery stays one look-up per document; for NOT EXISTS the planner may make a join over all rows of hold.
SELECT n.id
FROM node n
WHERE n.orphaned_at < now() - $1 * interval '1 s' AND (
	SELECT true
	FROM hold h
	JOIN session s ON s.id = h.session
	WHERE h.node = n.id AND {{alive s}}
	LIMIT 1
) IS NULL AND NOT {{named_still n}}
ORDER BY n.orphaned_at
LIMIT $2
