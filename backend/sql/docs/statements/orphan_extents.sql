-- write: nodes, grace, limit
WITH gone AS (
	DELETE FROM extent x
	USING (
		SELECT y.node, y.at
		FROM node n
		JOIN extent y ON y.node = n.id
		WHERE n.id = ANY ($1::bigint[]) AND {{let_go n}}
		LIMIT $3
	) y
	WHERE x.node = y.node AND x.at = y.at
	RETURNING x.node, x.sha256
),
doubt AS ({{doubt_blocks}})
SELECT count(*)
FROM gone
