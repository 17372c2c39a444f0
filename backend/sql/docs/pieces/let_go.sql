-- let_go n: Of an orphan: it is older than the grace ($2, in seconds), no living session has it open, and no entry leads
-- to it.
{{n}}.orphaned_at < now() - $2 * interval '1 s' AND NOT EXISTS (
	SELECT
	FROM hold h
	JOIN session s ON s.id = h.session
	WHERE h.node = {{n}}.id AND {{alive s}}
) AND NOT {{named_still {{n}}}}
