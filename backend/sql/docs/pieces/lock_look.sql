-- lock_look: The drive, the session that asks, the first range in its way, and how long that range surely stays
-- (lease_left).
SELECT d.incarnation, d.seq, me.id, o.a, o.z, o.x, {{lease_left}}
FROM drive d
LEFT JOIN (SELECT s.id FROM {{my_session}}) me ON true
LEFT JOIN (SELECT a, z, x FROM other ORDER BY a LIMIT 1) o ON true
WHERE {{mine}}
