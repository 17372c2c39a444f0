-- write
-- Index: session_pkey
DELETE FROM session
WHERE id = $1 AND account_id = $2
