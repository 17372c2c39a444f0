-- read: drive, owner, folder, after, limit, bytes of data at most: like children.sql, with the data
SELECT d.incarnation, d.seq, f.mode, e.name, {{node n}},
	CASE WHEN sum(x.len) OVER (ROWS UNBOUNDED PRECEDING) <= $6 THEN x.data END
{{children_from}}
LEFT JOIN extent x ON x.node = n.id AND x.at = 0 AND x.kind = 0 AND x.len >= n.size AND n.size > 0
WHERE {{mine}}
