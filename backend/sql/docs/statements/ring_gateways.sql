-- read
-- There are at most 64 rows. With ORDER BY they are read through the index.
SELECT name, boot, url, hop_url, weight, renewed_at, unsaid, said, called_at, member, next, leaving
FROM ring_gateway
ORDER BY name, boot
