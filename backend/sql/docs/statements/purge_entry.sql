-- write: drive, limit
DELETE FROM entry t
USING (
	SELECT parent, name FROM entry WHERE {{of_drive parent}} ORDER BY parent, name LIMIT $2
) p
WHERE t.parent = p.parent AND t.name = p.name
