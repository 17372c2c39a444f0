-- write
DELETE FROM idempotency
WHERE created_ns < $1
