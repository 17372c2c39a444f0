-- write
-- Index: known_network_account, backwards
DELETE FROM known_network
WHERE account_id = $1 AND seen_ns <= (
	SELECT seen_ns
	FROM known_network
	WHERE account_id = $1
	ORDER BY seen_ns DESC OFFSET $2
	LIMIT 1
)
