-- one_changed: Of a single op: the document that it changes.
UPDATE node n SET parent = $27, size = $28, allocated = $29, charged = $30, mode = $31, uid = $32, gid = $33,
	nlink = $34, atime = $35, mtime = $36, ctime = $37, seq = $38, content_seq = $39, orphaned_at =
	CASE WHEN $40 <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq =
	CASE WHEN $40 <> 0 THEN COALESCE(n.orphaned_seq, $38) END, children = $41, extents = $42, name = $43
WHERE n.id = $26
