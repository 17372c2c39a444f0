-- read: drive, owner, session: whether it has locks
SELECT s.locks_at IS NOT NULL
FROM drive d
JOIN session s ON s.id = $3 AND s.drive = d.id
WHERE {{mine}}
