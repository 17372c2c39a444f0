-- children_from: There is no outer ORDER BY: the nested loops keep the order of the entries, and a sort would write the
-- inline data to a file. The code that reads the rows checks the order.
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
