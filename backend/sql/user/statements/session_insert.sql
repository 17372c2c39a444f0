-- write
-- Index: account_pkey (the reference)
INSERT INTO session (account_id, hash, created_ns, renewed_ns, expires_ns)
VALUES ($1, $2, $3, $4, $5)
RETURNING id
