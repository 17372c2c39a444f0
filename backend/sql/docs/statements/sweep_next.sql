-- read: drive, limit
-- The next drives to look at: the id of the last one, and how many.
SELECT max(d.id), count(*)
FROM (SELECT id FROM drive WHERE id > $1 ORDER BY id LIMIT $2) d
