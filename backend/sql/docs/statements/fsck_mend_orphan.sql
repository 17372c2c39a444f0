-- write: drive, id, parent, name
-- A document to which an entry leads is not about to be deleted.
UPDATE node n SET orphaned_at = NULL, orphaned_seq = NULL
FROM entry e
WHERE e.parent = $3 AND e.name = $4 AND e.child = $2 AND n.id = $2 AND n.id >> 32 = $1 AND n.orphaned_at IS NOT NULL
	AND {{fsck_folder_at e.parent}}
