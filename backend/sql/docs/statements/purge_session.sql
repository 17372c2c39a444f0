-- write: drive, limit
DELETE FROM session t
USING (SELECT id FROM session WHERE drive = $1 LIMIT $2) p
WHERE t.id = p.id
