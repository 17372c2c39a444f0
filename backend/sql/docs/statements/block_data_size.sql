-- read: sha256, generation, drive
SELECT size
FROM block_data
WHERE sha256 = $1 AND generation = $2 AND drive = $3
