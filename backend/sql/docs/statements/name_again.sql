-- write: nodes of which the link that their row named went
-- All links but the one that a row names are marked, so that another one is found without an index
-- over all entries.
UPDATE node n SET parent = e.parent, name = e.name
FROM unnest($1::bigint[]) w (id)
CROSS JOIN LATERAL (
	SELECT e.parent, e.name FROM entry e WHERE e.child = w.id AND e.linked LIMIT 1
) e
WHERE n.id = w.id
