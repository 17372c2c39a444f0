-- one_changed_too: Of a single op: the second document that it changes.
UPDATE node n SET parent = $71, size = $72, allocated = $73, charged = $74, mode = $75, uid = $76, gid = $77,
	nlink = $78, atime = $79, mtime = $80, ctime = $81, seq = $82, content_seq = $83, orphaned_at =
	CASE WHEN $84 <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq =
	CASE WHEN $84 <> 0 THEN COALESCE(n.orphaned_seq, $82) END, children = $85, extents = $86, name = $87
WHERE n.id = $70
