-- write: nodes, names, values
INSERT INTO xattr (node, name, value)
SELECT *
FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])
ON CONFLICT (node, name) DO UPDATE SET value = excluded.value
