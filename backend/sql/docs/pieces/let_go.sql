-- let_go n: Of an orphan: nobody that is heard of has it open. $2: grace in seconds.
{{n}}.orphaned_at < now() - $2 * interval '1 s' AND NOT EXISTS (
	SELECT
	FROM hold h
	JOIN session s ON s.id = h.session
	WHERE h.node = {{n}}.id AND {{alive s}}
)
