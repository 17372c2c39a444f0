-- read: node, at
SELECT sha256, generation, block_size
FROM extent
WHERE node = $1 AND at = $2 AND kind = 1
