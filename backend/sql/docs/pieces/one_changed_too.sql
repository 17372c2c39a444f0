-- one_changed_too: Of one op: the second document that it changes.
UPDATE node n SET parent = $68, size = $69, allocated = $70, charged = $71, mode = $72, uid = $73, gid = $74,
	nlink = $75, atime = $76, mtime = $77, ctime = $78, seq = $79, content_seq = $80, orphaned_at =
	CASE WHEN $81 <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq =
	CASE WHEN $81 <> 0 THEN COALESCE(n.orphaned_seq, $79) END, children = $82, name = $83
WHERE n.id = $67
