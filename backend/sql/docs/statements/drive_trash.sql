-- write: drive, owner, name or NULL: whether it was removed
-- Runs under the drive's lock, so that its content does not change meanwhile. An empty drive is purged by the next
-- round of upkeep. $3: the name, as a confirmation. No row: no such drive, or it is in the trash already.
WITH d AS MATERIALIZED (
	SELECT d.id, COALESCE(n.children, 0) = 0 AS empty
	FROM drive d
	LEFT JOIN node n ON n.id = (d.id::bigint << 32) | 1
	WHERE {{mine}}
),
gone AS (
	UPDATE drive t SET trashed_at = CASE WHEN d.empty THEN '-infinity' ELSE now() END
	FROM d
	WHERE t.id = d.id AND t.trashed_at IS NULL AND (d.empty OR t.name = $3)
	RETURNING 1
)
SELECT EXISTS (SELECT FROM gone)
FROM d
