-- read: drive, owner, parent, name
SELECT d.incarnation, d.seq, {{node n}}
FROM drive d
LEFT JOIN (entry e JOIN node n ON n.id = e.child) ON e.parent = $3 AND e.name = $4
WHERE {{mine}}
