-- write
-- Index: login_failure_last
DELETE FROM login_failure
WHERE last_ns < $1 OR last_ns <= (
	SELECT last_ns FROM login_failure ORDER BY last_ns DESC OFFSET $2 LIMIT 1
)
