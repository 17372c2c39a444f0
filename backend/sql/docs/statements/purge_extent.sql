-- write: drive, limit
-- Rows of a purged drive are deleted by key, some at a time. This is the first of purge_*.sql; purge_drive.sql is the
-- last.
DELETE FROM extent t
USING (
	SELECT node, at FROM extent WHERE {{of_drive node}} ORDER BY node, at LIMIT $2
) p
WHERE t.node = p.node AND t.at = p.at
