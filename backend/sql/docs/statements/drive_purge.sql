-- write: drive, owner, name or NULL: whether it is confirmed, whether it was removed
-- A drive in the trash cannot be locked, and does not change as long as it is there. When it is restored before this
-- statement has it, the time in the trash is another one (or none), and the drive stays. $3: the name, as a
-- confirmation, which an empty drive does not need. No row: it is not in the trash.
WITH d AS MATERIALIZED (
	SELECT d.id, d.trashed_at, COALESCE(n.children, 0) = 0 OR COALESCE(d.name = $3, false) AS confirmed
	FROM drive d
	LEFT JOIN node n ON n.id = (d.id::bigint << 32) | 1
	WHERE {{mine_trashed}}
),
gone AS (
	UPDATE drive t SET trashed_at = '-infinity'
	FROM d
	WHERE t.id = d.id AND t.trashed_at = d.trashed_at AND d.confirmed
	RETURNING 1
)
SELECT d.confirmed, EXISTS (SELECT FROM gone)
FROM d
