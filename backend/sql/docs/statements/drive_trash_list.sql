-- read: owner
SELECT {{drive d}}, false, extract(epoch FROM d.trashed_at)::bigint
FROM drive d
WHERE d.owner = $1 AND d.trashed_at > '-infinity'
ORDER BY d.id
