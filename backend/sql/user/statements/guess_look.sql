-- read
-- Index: login_failure_pkey twice, known_network_pkey. Always returns one row.
SELECT h.failures, h.not_before_ns, e.failures, e.not_before_ns, (
	SELECT k.seen_ns FROM known_network k WHERE k.account_id = $5 AND k.network = $2
)
FROM (SELECT) one
LEFT JOIN login_failure h ON h.name = $1 AND h.network = $2
LEFT JOIN login_failure e ON e.name = $3 AND e.network = $4
