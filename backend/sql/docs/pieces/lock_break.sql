-- lock_break wanted: Looks at the sessions whose locks conflict with wanted and that were silent for longer than the
-- lease. Ends those that became doubted long enough ago; marks the others as doubted.
WITH late AS MATERIALIZED (
	SELECT s.id, s.doubted_at > s.locks_at AS doubted, s.doubted_at > s.locks_at
		AND s.doubted_at < now() - $10 * interval '1 s' AS over
	FROM session s
	WHERE s.id = ANY (ARRAY(SELECT l.session FROM {{in_the_way {{wanted}}}})) AND s.drive = $1
		AND ($2 = 0 OR s.user_id = $2) AND s.locks_at < now() - $9 * interval '1 s'
	FOR UPDATE OF s SKIP LOCKED
),
doubt AS (
	UPDATE session s SET doubted_at = now()
	FROM late
	WHERE s.id = late.id AND late.doubted IS NOT TRUE
)
DELETE FROM session s
USING late
WHERE s.id = late.id AND late.over
