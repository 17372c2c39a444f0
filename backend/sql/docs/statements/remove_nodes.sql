-- write: nodes that go, nodes whose extents go
WITH n AS (DELETE FROM node WHERE id = ANY ($1::bigint[])),
x AS (DELETE FROM xattr WHERE node = ANY ($1::bigint[])),
gone AS (
	DELETE FROM extent WHERE node = ANY ($2::bigint[]) RETURNING node, sha256
) {{doubt_blocks}}
