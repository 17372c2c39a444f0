-- write: owner
-- In the order of ids: two of these at once do not wait for each other crosswise.
WITH mine AS MATERIALIZED (
	SELECT id FROM drive WHERE owner = $1 AND trashed_at IS NULL ORDER BY id FOR NO KEY UPDATE
)
UPDATE drive d SET trashed_at = now()
FROM mine
WHERE d.id = mine.id
