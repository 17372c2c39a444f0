-- read: ids, parents, names: parent and name of the entry or NULL, the document
SELECT NULL::bigint, NULL::bytea, {{loaded n}}
FROM node n
WHERE n.id = ANY ($1::bigint[])
UNION ALL
SELECT e.parent, e.name, {{loaded n}}
FROM unnest($2::bigint[], $3::bytea[]) w (parent, name)
JOIN entry e ON e.parent = w.parent AND e.name = w.name
JOIN node n ON n.id = e.child
