-- write: session, held
-- Locks the session's row first, so that two polls, or a poll and the end of the session, cannot deadlock.
WITH s AS MATERIALIZED (
	SELECT id, drive, began_seq FROM session WHERE id = $1 FOR NO KEY UPDATE
),
seen AS (
	UPDATE session u SET seen_at = now(), locks_at = CASE WHEN u.locks_at IS NOT NULL THEN now() END
	FROM s
	WHERE u.id = s.id
),
unlocked AS (
	DELETE FROM file_lock l
	USING s
	WHERE l.session = s.id AND l.froms = '{}' AND l.changed_at < now() - {{locks_overtaken}}
),
gone AS (
	DELETE FROM hold h USING s WHERE h.session = s.id AND h.node <> ALL ($2::bigint[])
)
INSERT INTO hold (session, node)
SELECT s.id, held
FROM s, unnest($2::bigint[]) held
WHERE held >> 32 = s.drive AND (
	SELECT n.id FROM node n WHERE n.id = held AND {{may_hold n, s.began_seq}}
) IS NOT NULL
ON CONFLICT DO NOTHING
