-- read: drive, hash, generation
SELECT 1
FROM block
WHERE drive = $1 AND sha256 = $2 AND generation = $3
