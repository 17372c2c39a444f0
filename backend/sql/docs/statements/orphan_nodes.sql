-- write: nodes, grace
-- Up to now the drive was charged for the growth of an orphan after it lost its last name, and counted its row and
-- extents.
WITH gone AS (
	DELETE FROM node n
	WHERE n.id = ANY ($1::bigint[]) AND {{let_go n}} AND NOT EXISTS (SELECT FROM extent x
		WHERE x.node = n.id)
	RETURNING n.id, n.charged, n.extents
),
x AS (DELETE FROM xattr x USING gone WHERE x.node = gone.id),
d AS (
	UPDATE drive d SET used = d.used - g.charged, documents = d.documents - g.documents,
		extents = d.extents - g.extents
	FROM (
		SELECT id >> 32 AS drive, sum(charged)::bigint AS charged, count(*) AS documents,
			sum({{extents_further extents}}) AS extents
		FROM gone
		GROUP BY 1
	) g
	WHERE d.id = g.drive
)
SELECT count(*)
FROM gone
