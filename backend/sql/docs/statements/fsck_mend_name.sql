-- write: drive, id, parent, name
-- Gives a document any other existing name that leads to it; if there is none, it makes the name in the document's row,
-- if that name is free. The entries of a folder are never marked: fsck_mend_mark has already taken the name of a folder
-- from its entry.
WITH named AS (
	UPDATE node n SET parent = e.parent, name = e.name
	FROM (
		SELECT e.*
		FROM entry e
		WHERE e.child = $2 AND e.linked AND e.parent >> 32 = $1 AND NOT {{fsck_name_bad e.name}}
			AND {{fsck_folder_at e.parent}}
		LIMIT 1
	) e
	WHERE n.id = $2 AND n.id >> 32 = $1 AND n.orphaned_at IS NULL AND NOT {{fsck_maybe_folder n}}
	RETURNING n.id
),
made AS (
	INSERT INTO entry (parent, child, linked, name)
	SELECT n.parent, n.id, false, n.name
	FROM node n
	JOIN node p ON p.id = n.parent AND p.id >> 32 = $1 AND {{fsck_is_folder p}} AND p.orphaned_at IS NULL
	WHERE n.id = $2 AND n.id >> 32 = $1 AND n.orphaned_at IS NULL AND n.parent = $3 AND n.name = $4
		AND NOT {{fsck_name_bad n.name}} AND NOT EXISTS (SELECT FROM named)
	ON CONFLICT (parent, name) DO NOTHING
	RETURNING child
)
SELECT id
FROM named
UNION ALL
SELECT child
FROM made
