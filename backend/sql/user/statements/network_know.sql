-- write
-- Index: known_network_pkey, account_pkey (the reference)
INSERT INTO known_network (account_id, network, seen_ns)
VALUES ($1, $2, $3)
ON CONFLICT (account_id, network) DO UPDATE SET seen_ns = $3
