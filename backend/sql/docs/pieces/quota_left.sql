-- quota_left d: How many bytes a drive may hold: its own quota, or the part of the account's that the owner's other
-- drives leave. 0: no limit.
COALESCE(LEAST(NULLIF({{d}}.quota, 0), (
	SELECT GREATEST(NULLIF(a.quota, 0) - (
		SELECT COALESCE(sum(o.used), 0)
		FROM drive o
		WHERE o.owner = {{d}}.owner AND o.id <> {{d}}.id
	), CASE WHEN a.quota > 0 THEN 1 END)
	FROM {{account_of {{d}}}} a
), NULL)::bigint, 0)
