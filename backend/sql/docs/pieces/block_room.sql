-- block_room d: How many bytes of blocks may still be stored; NULL: no limit. Rows of earlier versions may have any
-- quota: above QUOTA_MOST_BYTES it counts as that, since twice as much might not fit into a bigint.
LEAST((
	SELECT 2 * NULLIF(LEAST({{d}}.quota, {{QUOTA_MOST_BYTES}}), 0) + {{BLOCKS_SLACK_BYTES}} - COALESCE((SELECT sum(p.bytes)
		FROM drive_blocks p WHERE p.drive = {{d}}.id), 0)
), (
	SELECT CASE WHEN a.quota > 0 THEN 2 * LEAST(a.quota, {{QUOTA_MOST_BYTES}}) + {{BLOCKS_SLACK_BYTES}} - COALESCE((
		SELECT sum(p.bytes)
		FROM drive o
		JOIN drive_blocks p ON p.drive = o.id
		WHERE o.owner = {{d}}.owner
	), 0) END
	FROM {{account_of {{d}}}} a
))::bigint
