-- write
-- Answers that belong to no account (0) are not trimmed: there are no more of them than passwords were hashed, and they
-- belong to many callers.
DELETE FROM idempotency i
USING (
	SELECT account_id, key, row_number() OVER (PARTITION BY account_id ORDER BY created_ns DESC) AS place
	FROM idempotency
	WHERE account_id <> 0
) a
WHERE i.account_id = a.account_id AND i.key = a.key AND a.place > $1 AND i.created_ns < $2
