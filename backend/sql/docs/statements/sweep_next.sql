-- read: drive, limit
-- The next drives to look at: the last of them, and how many.
SELECT max(d.id), count(*)
FROM (SELECT id FROM drive WHERE id > $1 ORDER BY id LIMIT $2) d
