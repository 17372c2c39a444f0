-- in_the_way wanted: Ranges r (a, z, x) of a row l that conflict with w (a, z, x).
file_lock l
CROSS JOIN LATERAL unnest(l.froms, l.tos, l.exclusive) r (a, z, x)
JOIN {{wanted}} w (a, z, x) ON r.a <= w.z AND w.a <= r.z AND (r.x = 1 OR w.x = 1)
WHERE l.node = $3 AND l.kind = $5 AND l.session <> $4
