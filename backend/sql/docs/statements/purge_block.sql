-- write: drive, limit
-- The collector deletes the bytes of the blocks. It gets all blocks at once, with the oldest possible time.
UPDATE block t SET doubtful = true, touched_at = '-infinity'
FROM (
	SELECT drive, sha256
	FROM block
	WHERE drive = $1 AND NOT (doubtful AND touched_at = '-infinity')
	LIMIT $2
) p
WHERE t.drive = p.drive AND t.sha256 = p.sha256
