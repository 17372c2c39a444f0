-- extents_left d: Like quota_left, for extents.
COALESCE(LEAST({{quota_extents {{d}}.quota}}, (
	SELECT GREATEST({{quota_extents a.quota}} - (
		SELECT COALESCE(sum(o.extents), 0)
		FROM drive o
		WHERE o.owner = {{d}}.owner AND o.id <> {{d}}.id
	), CASE WHEN a.quota > 0 THEN 1 END)
	FROM {{account_of {{d}}}} a
))::bigint, 0)
