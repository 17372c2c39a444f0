-- read
-- Index: idempotency_pkey
SELECT request, status, answer
FROM idempotency
WHERE account_id = $1 AND key = $2 AND created_ns >= $3
