-- write: drive, owner, name or NULL: whether it was removed, whether it was in the trash
-- Runs under the drive's lock, so that its content does not change meanwhile. An empty drive is purged by the next
-- round of upkeep, and so is a drive that was in the trash already. $3: the name, as a confirmation. The one row says
-- whether the drive was removed; no row: no such drive.
WITH d AS MATERIALIZED (
	SELECT d.id, COALESCE(n.children, 0) = 0 AS empty, d.trashed_at IS NOT NULL AS trashed
	FROM drive d
	LEFT JOIN node n ON n.id = (d.id::bigint << 32) | 1
	WHERE d.id = $1 AND ($2 = 0 OR d.owner = $2) AND (d.trashed_at IS NULL OR d.trashed_at > '-infinity')
),
gone AS (
	UPDATE drive t SET trashed_at = CASE WHEN d.empty OR d.trashed THEN '-infinity' ELSE now() END
	FROM d
	WHERE t.id = d.id AND (d.empty OR t.name = $3)
	RETURNING 1
)
SELECT EXISTS (SELECT FROM gone), d.trashed
FROM d
