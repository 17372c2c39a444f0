-- read: nodes in their order, names: node, name, value or NULL; with the first row of each node the bytes of all its
-- names, and of all names and values
-- The request is in the order of documents, so the sums over all xattrs of a document come with the first of its names.
SELECT w.node, w.name, x.value, a.names, a.bytes
FROM (
	SELECT node, name, lag(node) OVER () IS DISTINCT FROM node AS fresh
	FROM unnest($1::bigint[], $2::bytea[]) u (node, name)
) w
LEFT JOIN xattr x ON x.node = w.node AND x.name = w.name
LEFT JOIN LATERAL (
	SELECT sum(length(a.name) + 1) AS names, sum(length(a.name) + length(a.value)) AS bytes
	FROM xattr a
	WHERE a.node = w.node AND w.fresh
) a ON true
