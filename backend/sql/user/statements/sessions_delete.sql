-- write
-- Index: session_account
DELETE FROM session
WHERE account_id = $1 AND id <> $2
