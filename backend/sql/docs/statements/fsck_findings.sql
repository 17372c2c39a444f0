-- read: after, limit
SELECT f.number, f.drive, f.kind, f.mended, f.id, f.is_, f.should, f.drive_name, f.path
FROM fsck_finding f
WHERE f.run = (SELECT s.run FROM fsck s WHERE s.single) AND f.number > $1
ORDER BY f.run, f.number
LIMIT $2
