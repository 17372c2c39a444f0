-- one_changed: Of one op: the document that it changes.
UPDATE node n SET parent = $26, size = $27, allocated = $28, charged = $29, mode = $30, uid = $31, gid = $32,
	nlink = $33, atime = $34, mtime = $35, ctime = $36, seq = $37, content_seq = $38, orphaned_at =
	CASE WHEN $39 <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq =
	CASE WHEN $39 <> 0 THEN COALESCE(n.orphaned_seq, $37) END, children = $40, name = $41
WHERE n.id = $25
