-- write
-- Index: known_network_seen
DELETE FROM known_network
WHERE seen_ns < $1
