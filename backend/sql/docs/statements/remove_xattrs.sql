-- write: nodes, names
DELETE FROM xattr x
USING unnest($1::bigint[], $2::bytea[]) r (node, name)
WHERE x.node = r.node AND x.name = r.name
