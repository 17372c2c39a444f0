-- read: grace, limit
-- Held for longer than a moment: it costs what it has, as if it had a name.
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
