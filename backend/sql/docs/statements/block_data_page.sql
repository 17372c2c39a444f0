-- read: sha256, generation and drive after which the page begins, seconds, limit
SELECT sha256, generation, drive, written_at < now() - $4 * interval '1 s'
FROM block_data
WHERE (sha256, generation, drive) > ($1, $2, $3)
ORDER BY sha256, generation, drive
LIMIT $5
