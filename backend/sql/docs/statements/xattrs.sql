-- read: drive, owner, id, session: id, name, value
SELECT d.incarnation, d.seq, n.id, x.name, x.value
FROM drive d
LEFT JOIN node n ON n.id = $3 AND {{visible n}}
LEFT JOIN xattr x ON x.node = n.id
WHERE {{mine}}
