-- read: nodes, froms, tos
SELECT {{extent x}}
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) w (node, from_, to_)
CROSS JOIN LATERAL ({{extents_touching}}) x
{{enough}}
