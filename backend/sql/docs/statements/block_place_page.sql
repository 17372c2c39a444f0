-- read: drive and hash after which the page begins, limit
SELECT drive, sha256, generation
FROM block
WHERE (drive, sha256) > ($1, $2)
ORDER BY drive, sha256
LIMIT $3
