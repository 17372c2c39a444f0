-- read
SELECT run, state, repair, drives, rows, blocks, bytes, bytes_total, found, mended,
	COALESCE(extract(epoch FROM started_at), 0)::bigint, COALESCE(extract(epoch FROM ended_at), 0)::bigint
FROM fsck
WHERE single
