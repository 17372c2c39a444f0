-- write: drive, limit
DELETE FROM xattr t
USING (
	SELECT node, name FROM xattr WHERE {{of_drive node}} ORDER BY node, name LIMIT $2
) p
WHERE t.node = p.node AND t.name = p.name
