-- read: node
SELECT {{extent x}}
FROM (
	SELECT $1::bigint AS node, {{last_byte $1}} AS from_, {{TREE_TAIL}}::bigint AS to_ OFFSET 0
) w
CROSS JOIN LATERAL ({{extents_touching}}) x
{{enough}}
