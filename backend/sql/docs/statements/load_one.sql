-- read: an id, a parent, a name, each in an array of one or none
-- Most batches name one folder, and one name in it.
SELECT NULL::bigint, NULL::bytea, {{loaded n}}
FROM node n
WHERE n.id = $1[1]
UNION ALL
SELECT e.parent, e.name, {{loaded n}}
FROM entry e
JOIN node n ON n.id = e.child
WHERE e.parent = $2[1] AND e.name = $3[1]
