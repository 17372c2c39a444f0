-- read: nodes, froms (or TREE_TAIL), tos
-- Finding the end of a file costs a third more for each range, so it is done only for ranges that begin there.
SELECT {{extent x}}
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) v (node, from_, to_)
CROSS JOIN LATERAL (
	SELECT v.node, v.to_, CASE WHEN v.from_ = {{TREE_TAIL}} THEN {{last_byte v.node}}
		ELSE v.from_ END AS from_ OFFSET 0
) w
CROSS JOIN LATERAL ({{extents_touching}}) x
{{enough}}
