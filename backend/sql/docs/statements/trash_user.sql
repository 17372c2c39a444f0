-- write: owner
-- Locks the drives in the order of their ids, so that two of these statements cannot deadlock.
WITH mine AS MATERIALIZED (
	SELECT id FROM drive WHERE owner = $1 AND trashed_at IS NULL ORDER BY id FOR NO KEY UPDATE
)
UPDATE drive d SET trashed_at = now()
FROM mine
WHERE d.id = mine.id
