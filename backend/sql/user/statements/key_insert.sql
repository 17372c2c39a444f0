-- write
-- Index: account_pkey (the reference)
INSERT INTO device_key (account_id, name, hash, created_ns)
VALUES ($1, $2, $3, $4)
RETURNING id
