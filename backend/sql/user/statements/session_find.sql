-- read
-- Index: session_hash, account_pkey
SELECT t.id, t.account_id, NULL::text, t.created_ns, t.renewed_ns, t.expires_ns, {{account}}
FROM session t
JOIN account a ON a.id = t.account_id
WHERE t.hash = $1 AND t.expires_ns > $2
