-- read: grace, limit: drive, hash
SELECT b.drive, b.sha256
FROM (
	SELECT drive, sha256
	FROM block
	WHERE doubtful AND touched_at < now() - $1 * interval '1 s'
	ORDER BY touched_at
	LIMIT $2
) b
ORDER BY b.drive
