-- read: grace, limit
-- An orphan that is held for longer than a moment is charged for all its bytes, like a document with a name.
SELECT n.id
FROM node n
WHERE n.orphaned_at < now() - $1 * interval '1 s' AND n.charged < n.allocated AND (
	SELECT true
	FROM hold h
	JOIN session s ON s.id = h.session
	WHERE h.node = n.id AND {{alive s}}
	LIMIT 1
) IS NOT NULL
ORDER BY n.orphaned_at
LIMIT $2
