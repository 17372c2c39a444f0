-- write: drive, limit
-- Rows of a drive that is over are deleted by key, some at a time; this is the first of
-- purge_*.sql, purge_drive.sql the last.
DELETE FROM extent t
USING (
	SELECT node, at FROM extent WHERE {{of_drive node}} ORDER BY node, at LIMIT $2
) p
WHERE t.node = p.node AND t.at = p.at
