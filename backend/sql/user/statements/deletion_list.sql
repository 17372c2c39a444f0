-- read
-- Index: deletion_pkey
SELECT seq, user_id, at_ns
FROM deletion
WHERE seq > $1
ORDER BY seq
LIMIT $2
