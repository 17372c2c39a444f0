-- documents_left d: Like quota_left, for documents.
COALESCE(LEAST({{quota_documents {{d}}.quota}}, (
	SELECT GREATEST(a.documents - (
		SELECT COALESCE(sum(o.documents), 0)
		FROM drive o
		WHERE o.owner = {{d}}.owner AND o.id <> {{d}}.id
	), CASE WHEN a.documents > 0 THEN 1 END)
	FROM {{account_of {{d}}}} a
))::bigint, 0)
