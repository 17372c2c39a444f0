-- write: drive, id, parent, name
-- Marks a further name of a document. A folder has one name only: a further name of a folder is removed if the name in
-- the folder's row leads to it. If not, it is the row that is wrong, and gets this name, unless the folder would then
-- lie below itself. Nothing of this can be decided while the document, or the folder that its row names, has lost its
-- type.
WITH wrong AS MATERIALIZED (
	SELECT e.parent, e.name, e.child, {{fsck_is_folder n}} AS folder,
		n.id & 4294967295 = 1 OR {{fsck_other_name e}} AS further
	FROM entry e
	JOIN node n ON n.id = e.child
	WHERE e.parent = $3 AND e.name = $4 AND e.parent >> 32 = $1 AND e.child = $2 AND n.id >> 32 = $1
		AND NOT (n.parent = e.parent AND n.name = e.name) AND {{fsck_type_known n}} AND (
			SELECT true FROM node p WHERE p.id = n.parent AND NOT {{fsck_type_known p}} LIMIT 1
		) IS NULL
),
gone AS (
	DELETE FROM entry e
	USING wrong w
	WHERE w.folder AND w.further AND e.parent = w.parent AND e.name = w.name
	RETURNING e.child
),
named AS (
	UPDATE node n SET parent = w.parent, name = w.name
	FROM wrong w
	WHERE w.folder AND NOT w.further AND n.id = w.child AND NOT {{fsck_name_bad w.name}}
		AND {{fsck_folder_at w.parent}} AND (
			WITH RECURSIVE up (id) AS (
				SELECT w.parent
				UNION
				SELECT p.parent
				FROM up u
				JOIN node p ON p.id = u.id
			)
			SELECT count(*) FILTER (WHERE u.id = w.child) FROM up u
		) = 0
	RETURNING n.id
),
marked AS (
	UPDATE entry e SET linked = true
	FROM wrong w
	WHERE NOT w.folder AND e.parent = w.parent AND e.name = w.name
	RETURNING e.child
)
SELECT child
FROM gone
UNION ALL
SELECT id
FROM named
UNION ALL
SELECT child
FROM marked
