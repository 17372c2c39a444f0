-- write
-- Index: idempotency_pkey. An answer that is too old, but not yet deleted, is replaced.
INSERT INTO idempotency AS i (account_id, key, request, status, answer, created_ns)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, key) DO UPDATE SET request = $3, status = $4, answer = $5, created_ns = $6
WHERE i.created_ns < $7
