-- write: nodes, ats
WITH gone AS (
	DELETE FROM extent x
	USING unnest($1::bigint[], $2::bigint[]) r (node, at)
	WHERE x.node = r.node AND x.at = r.at
	RETURNING x.node, x.sha256
) {{doubt_blocks}}
