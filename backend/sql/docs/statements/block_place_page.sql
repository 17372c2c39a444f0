-- read: drive and hash that the page begins behind, limit
SELECT drive, sha256, generation
FROM block
WHERE (drive, sha256) > ($1, $2)
ORDER BY drive, sha256
LIMIT $3
