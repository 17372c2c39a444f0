-- write: drive, limit
DELETE FROM journal t
USING (SELECT drive, seq FROM journal WHERE drive = $1 ORDER BY seq LIMIT $2) p
WHERE t.drive = p.drive AND t.seq = p.seq
