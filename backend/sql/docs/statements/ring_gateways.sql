-- read
-- At most 64 rows; the order has them found by the index.
SELECT name, boot, url, hop_url, weight, renewed_at, unsaid, said, called_at, member, next, leaving
FROM ring_gateway
ORDER BY name, boot
