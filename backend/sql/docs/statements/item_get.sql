-- read: drive, owner, id, session
SELECT d.incarnation, d.seq, {{node n}}
FROM drive d
LEFT JOIN node n ON n.id = $3 AND {{visible n}}
WHERE {{mine}}
