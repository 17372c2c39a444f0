-- block_room d: How many bytes of blocks may still be stored; NULL: no limit.
LEAST((
	SELECT 2 * NULLIF({{d}}.quota, 0) + {{BLOCKS_SLACK_BYTES}} - COALESCE((SELECT sum(p.bytes)
		FROM drive_blocks p WHERE p.drive = {{d}}.id), 0)
), (
	SELECT CASE WHEN a.quota > 0 THEN 2 * a.quota + {{BLOCKS_SLACK_BYTES}} - COALESCE((
		SELECT sum(p.bytes)
		FROM drive o
		JOIN drive_blocks p ON p.drive = o.id
		WHERE o.owner = {{d}}.owner
	), 0) END
	FROM {{account_of {{d}}}} a
))::bigint
