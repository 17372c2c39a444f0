-- write: drive, -, -, -
UPDATE drive d SET used = t.used, documents = t.documents, extents = t.extents
FROM ({{fsck_totals}}) t
WHERE d.id = $1
