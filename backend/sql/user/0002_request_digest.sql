-- What is kept of a request is no plain SHA-256 any more: a body may hold a password. Rows of before are over after 24 h, and match nothing until then.
COMMENT ON COLUMN idempotency.request IS 'HMAC of method, target and body, under a key of the store';
