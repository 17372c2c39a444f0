-- write: nodes, grace
WITH o AS MATERIALIZED (
	SELECT n.id, n.allocated - n.charged AS bytes
	FROM node n
	WHERE n.id = ANY ($1::bigint[]) AND n.orphaned_at < now() - $2 * interval '1 s'
		AND n.charged < n.allocated
),
u AS (
	UPDATE node n SET charged = n.charged + o.bytes FROM o WHERE n.id = o.id
)
UPDATE drive d SET used = d.used + c.bytes
FROM (
	SELECT id >> 32 AS drive, sum(bytes)::bigint AS bytes FROM o GROUP BY 1
) c
WHERE d.id = c.drive
