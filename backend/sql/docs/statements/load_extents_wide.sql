-- read: nodes, froms (or TREE_TAIL), tos
-- For requests that may have very many bytes: as many extents as usual, but their bytes only up to a limit. Extents
-- that are cut away completely need no bytes.
SELECT x.node, x.at, x.len, x.kind, x.sha256, x.generation, x.from_, x.block_size,
	CASE WHEN sum(CASE WHEN x.kind = 0 THEN x.len
	ELSE 0 END) OVER (ROWS UNBOUNDED PRECEDING) <= {{BATCH_LOADED_BYTES_MAX}} THEN x.data END
FROM (
	SELECT x.*
	FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) v (node, from_, to_)
	CROSS JOIN LATERAL (
		SELECT v.node, v.to_, CASE WHEN v.from_ = {{TREE_TAIL}} THEN {{last_byte v.node}}
			ELSE v.from_ END AS from_ OFFSET 0
	) w
	CROSS JOIN LATERAL ({{extents_touching}}) x
	{{enough}}
) x
