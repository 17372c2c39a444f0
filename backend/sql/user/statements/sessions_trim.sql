-- write
-- Index: session_account, backwards
DELETE FROM session
WHERE account_id = $1 AND id <= (
	SELECT id FROM session WHERE account_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1
)
