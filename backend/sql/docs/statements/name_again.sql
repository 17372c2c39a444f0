-- write: nodes whose row names a link that was removed
-- All links except the one that the row names are marked. So another link is found without an index over all entries.
UPDATE node n SET parent = e.parent, name = e.name
FROM unnest($1::bigint[]) w (id)
CROSS JOIN LATERAL (
	SELECT e.parent, e.name FROM entry e WHERE e.child = w.id AND e.linked LIMIT 1
) e
WHERE n.id = w.id
