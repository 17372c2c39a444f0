-- read: owner
SELECT {{drive d}}, {{drive_bare d}}
FROM drive d
WHERE d.owner = $1 AND d.trashed_at IS NULL
ORDER BY d.id
