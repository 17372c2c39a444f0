-- read: drive, owner, since, limit
SELECT d.incarnation, d.seq, j.seq, j.op, j.what, j.id, j.parent, j.old_parent, j.replaced, j.from_, j.len,
	j.name, j.old_name, j.key
FROM drive d
LEFT JOIN LATERAL (
	SELECT j.* FROM journal j WHERE j.drive = $1 AND j.seq > $3 ORDER BY j.seq LIMIT $4
) j ON true
WHERE {{mine}}
