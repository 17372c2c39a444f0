-- write: drive, id, -, -
-- Removes the rows of a document that does not exist.
WITH gone AS (
	DELETE FROM extent x
	WHERE x.node = $2 AND x.node >> 32 = $1 AND NOT EXISTS (SELECT FROM node n WHERE n.id = $2)
	RETURNING x.node, x.sha256
),
doubt AS ({{doubt_blocks}}),
x AS (
	DELETE FROM xattr x
	WHERE x.node = $2 AND NOT EXISTS (SELECT FROM node n WHERE n.id = $2)
	RETURNING x.node
)
SELECT 1
FROM (SELECT FROM gone UNION ALL SELECT FROM x) t
