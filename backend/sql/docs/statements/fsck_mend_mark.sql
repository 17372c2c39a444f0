-- write: drive, id, parent, name
-- Marks a further name of a document. A folder has one name only: a further name of a folder is removed.
WITH gone AS (
	DELETE FROM entry e
	USING node n
	WHERE e.parent = $3 AND e.name = $4 AND e.parent >> 32 = $1 AND e.child = $2 AND n.id = e.child
		AND {{fsck_is_folder n}} AND NOT (n.parent = e.parent AND n.name = e.name)
	RETURNING e.child
),
marked AS (
	UPDATE entry e SET linked = true
	FROM node n
	WHERE e.parent = $3 AND e.name = $4 AND e.parent >> 32 = $1 AND e.child = $2 AND n.id = e.child
		AND NOT ({{fsck_is_folder n}}) AND NOT (n.parent = e.parent AND n.name = e.name)
	RETURNING e.child
)
SELECT child
FROM gone
UNION ALL
SELECT child
FROM marked
