-- read: drive, grace, limit, bytes: drive, hash
-- For a drive that is short of room, or whose owner is. Returns doubtful blocks of all drives of the owner: all that
-- are old enough, and as many as needed of those that were let go. Blocks of the drive itself come first (others give
-- the drive no room of its own), then the oldest.
SELECT c.drive, c.sha256
FROM (
	SELECT b.*, sum(CASE WHEN b.old THEN 0
		ELSE b.size END) OVER (ORDER BY b.drive <> $1, b.touched_at ROWS UNBOUNDED PRECEDING) AS bytes
	FROM drive d
	JOIN drive o ON o.owner = d.owner
	CROSS JOIN LATERAL (
		SELECT b.drive, b.sha256, b.size, b.touched_at,
			b.touched_at < now() - $2 * interval '1 s' AS old
		FROM block b
		WHERE b.drive = o.id AND b.doubtful AND (b.let_go OR b.touched_at < now() - $2 * interval '1 s')
		ORDER BY b.touched_at
		LIMIT $3
	) b
	WHERE d.id = $1
) c
WHERE c.old OR c.bytes - c.size < $4
ORDER BY c.drive
