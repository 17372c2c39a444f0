-- write: drive, id, parent, name
-- An entry with an impossible name gets the name in the document's row, if that is the row's only name and is free.
UPDATE entry e SET name = n.name
FROM node n
WHERE e.parent = $3 AND e.name = $4 AND e.child = $2 AND n.id = $2 AND n.id >> 32 = $1 AND n.parent = e.parent
	AND {{fsck_name_bad e.name}} AND NOT {{fsck_name_bad n.name}} AND (
		SELECT true FROM entry o WHERE o.parent = n.parent AND o.name = n.name LIMIT 1
	) IS NULL
