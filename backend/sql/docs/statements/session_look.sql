-- read: drive, owner, session, held: whether the session exists, whether something must be written, how many other
-- sessions are present
-- Most polls write nothing.
SELECT s.id IS NOT NULL, s.seen_at < now() - {{seen_step}} OR EXISTS (
	SELECT
	FROM unnest($4::bigint[]) held
	WHERE held >> 32 = $1 AND NOT EXISTS (SELECT FROM hold h WHERE h.session = $3 AND h.node = held) AND (
		SELECT n.id FROM node n WHERE n.id = held AND {{may_hold n, s.began_seq}}
	) IS NOT NULL
) OR (
	SELECT h.node
	FROM hold h
	WHERE h.session = $3 AND h.node <> ALL ($4::bigint[])
	ORDER BY h.node
	LIMIT 1
) IS NOT NULL OR COALESCE(s.locks_at < now() - {{locks_step}}, false), (
	SELECT count(*) FROM session o WHERE o.drive = $1 AND o.id <> $3 AND {{present o}}
)
FROM drive d
LEFT JOIN session s ON s.id = $3 AND s.drive = $1 AND {{alive s}}
WHERE {{mine}}
