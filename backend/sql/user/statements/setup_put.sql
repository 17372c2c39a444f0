-- write
-- Index: setup_token_pkey: one row
INSERT INTO setup_token (hash, created_ns)
VALUES ($1, $2)
ON CONFLICT (one) DO UPDATE SET hash = $1, created_ns = $2
