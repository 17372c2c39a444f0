-- read: folders: folder, parent
-- UNION, not UNION ALL: chains that meet continue as one, and the recursion ends even if the tree had a circle.
WITH RECURSIVE up (id, parent) AS (
	SELECT n.id, n.parent
	FROM unnest($1::bigint[]) f
	JOIN node n ON n.id = f
	UNION
	SELECT n.id, n.parent
	FROM up
	JOIN node n ON n.id = up.parent
)
SELECT id, parent
FROM up
WHERE id <> parent
{{enough}}
