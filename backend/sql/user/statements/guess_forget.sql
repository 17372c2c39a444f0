-- write
-- Index: login_failure_pkey
DELETE FROM login_failure
WHERE name = $1 AND ($2::text IS NULL OR network = $2)
