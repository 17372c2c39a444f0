-- write
-- Index: login_failure_pkey. $4: the delay for each number of failures before this one; arrays count from 1. $5: a
-- failure before this time is forgotten.
INSERT INTO login_failure AS f (name, network, failures, not_before_ns, last_ns)
VALUES ($1, $2, 1, $3 + ($4::bigint[])[1], $3)
ON CONFLICT (name, network) DO UPDATE SET failures = CASE WHEN f.last_ns < $5 THEN 1 ELSE f.failures + 1 END,
	not_before_ns = $3 + ($4::bigint[])[CASE WHEN f.last_ns < $5 THEN 1 ELSE LEAST(f.failures + 1,
	cardinality($4::bigint[])) END], last_ns = $3
