-- read: owner
SELECT {{drive d}}
FROM drive d
WHERE d.owner = $1 AND d.home AND d.trashed_at IS NULL
