-- write: drive, id, parent, name
-- Removes an entry that leads to no document, or that lies in no folder and leads to a document with another name. The
-- only name of a document stays, because it may be the folder's row that is lost. So do all names in a folder of which
-- only the type is lost.
DELETE FROM entry e
WHERE e.parent = $3 AND e.name = $4 AND e.parent >> 32 = $1 AND e.child = $2 AND (NOT EXISTS (SELECT
	FROM node c
	WHERE c.id = e.child AND c.id >> 32 = $1) OR (NOT EXISTS (SELECT FROM node p WHERE p.id = e.parent
	AND {{fsck_maybe_folder p}}) AND {{fsck_other_name e}}))
