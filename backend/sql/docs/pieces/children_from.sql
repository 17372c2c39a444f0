-- children_from: No ORDER BY outside: the nested loops keep the order of the entries, and a sort would take
-- the inline data through a file. The reader checks it.
FROM drive d
LEFT JOIN node f ON f.id = $3
LEFT JOIN LATERAL (
	SELECT e.name, e.child
	FROM entry e
	WHERE e.parent = f.id AND e.name > $4
	ORDER BY e.name
	LIMIT $5
) e ON {{is_folder f}}
LEFT JOIN node n ON n.id = e.child
