-- write
-- Index: session_pkey
UPDATE session SET renewed_ns = $2, expires_ns = $3
WHERE id = $1 AND renewed_ns < $2
