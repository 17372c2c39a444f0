-- read: after, limit
-- A document without a path has been removed, or its row leads nowhere.
SELECT f.number, f.drive, f.kind, f.mended, f.id, f.is_, f.should, f.drive_name, f.path,
	f.path = '' AND f.id <> 0 AND f.kind NOT IN ({{FSCK_EXTENT_WITHOUT_NODE}}, {{FSCK_XATTR_WITHOUT_NODE}}) AND (
		SELECT true FROM node n WHERE n.id = f.id AND n.orphaned_at IS NULL LIMIT 1
	) IS NULL
FROM fsck_finding f
WHERE f.run = (SELECT s.run FROM fsck s WHERE s.single) AND f.number > $1
ORDER BY f.run, f.number
LIMIT $2
