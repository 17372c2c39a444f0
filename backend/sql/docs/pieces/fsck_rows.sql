-- fsck_rows: The result of a step: the position that it reached, the number of rows that it looked at, and what it
-- found.
SELECT l.last, l.last_bytes, (SELECT count(*) FROM page), f.kind, f.id, f.parent, f.name, f.is_, f.should
FROM (SELECT) one
LEFT JOIN reached l ON true
LEFT JOIN found f ON true
