-- fsck_rows: What a step has found, behind where it has come and how many rows it looked at.
SELECT l.last, l.last_bytes, (SELECT count(*) FROM page), f.kind, f.id, f.parent, f.name, f.is_, f.should
FROM (SELECT) one
LEFT JOIN reached l ON true
LEFT JOIN found f ON true
