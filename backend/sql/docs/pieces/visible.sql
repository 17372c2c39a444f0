-- visible n: A document without a name is visible only for sessions of its drive ($4).
({{n}}.orphaned_at IS NULL OR EXISTS (
	SELECT
	FROM session s
	WHERE s.id = $4 AND s.drive = $1 AND ($2 = 0 OR s.user_id = $2) AND {{alive s}}
))
