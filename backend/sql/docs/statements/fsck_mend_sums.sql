-- write: drive, -, -, -
UPDATE drive d SET used = t.used, extents = t.extents,
	documents = GREATEST(t.documents, LEAST(d.documents, t.documents_most))
FROM ({{fsck_totals}}) t
WHERE d.id = $1
