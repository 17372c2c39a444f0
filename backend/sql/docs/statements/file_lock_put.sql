-- write: drive, owner, id, session, kind, froms, tos, exclusive, number, refuse
-- A refusal is stored, too: if the request arrives a second time, late, it is refused again. A refusal for want of room
-- is not stored. Room is checked only for a request with more ranges than the session has.
WITH me AS MATERIALIZED (SELECT s.id FROM {{my_session}}),
old AS MATERIALIZED (
	SELECT l.number, l.granted, l.waited, cardinality(l.froms) AS ranges
	FROM file_lock l
	WHERE l.node = $3 AND l.kind = $5 AND l.session = $4
),
room AS MATERIALIZED (
	SELECT cardinality($6::bigint[]) <= coalesce((SELECT ranges FROM old), -1) OR (
		SELECT coalesce(sum(o.bytes), 0)
		FROM session s
		CROSS JOIN LATERAL (
			SELECT sum(pg_column_size(l.froms) + pg_column_size(l.tos) + 100) AS bytes
			FROM file_lock l
			WHERE l.session = s.id
		) o
		WHERE s.drive = $1
	) + pg_column_size($6::bigint[]) + pg_column_size($7::bigint[]) <= {{LOCKS_BYTES_PER_DRIVE_MAX}} AS ok
),
other AS MATERIALIZED (
	SELECT r.a, r.z, r.x FROM {{in_the_way {{all_ranges}}}} ORDER BY r.a LIMIT 1
),
put AS (
	INSERT INTO file_lock AS l (session, node, kind, number, granted, froms, tos, exclusive)
	SELECT me.id, $3, $5, $9, o.ok, CASE WHEN o.ok THEN $6 ELSE '{}' END, CASE WHEN o.ok THEN $7
		ELSE '{}' END, CASE WHEN o.ok THEN $8 ELSE '{}' END
	FROM me, (SELECT NOT $10 AND NOT EXISTS (SELECT FROM other) AS ok) o
	WHERE EXISTS (SELECT FROM node n WHERE n.id = $3) AND (SELECT ok FROM room)
	ON CONFLICT (node, kind, session) DO UPDATE SET number = excluded.number, granted = excluded.granted,
		changed_at = now(), waited = l.waited AND NOT excluded.granted, froms =
		CASE WHEN excluded.granted THEN excluded.froms ELSE l.froms END, tos =
		CASE WHEN excluded.granted THEN excluded.tos ELSE l.tos END, exclusive =
		CASE WHEN excluded.granted THEN excluded.exclusive ELSE l.exclusive END
	WHERE l.number < excluded.number
)
SELECT d.incarnation, d.seq, me.id, old.number, old.granted, old.waited, other.a, other.z, other.x, room.ok, {{node n}}
FROM drive d
CROSS JOIN room
LEFT JOIN me ON true
LEFT JOIN old ON true
LEFT JOIN other ON true
LEFT JOIN node n ON n.id = $3 AND {{visible n}}
WHERE {{mine}}
