-- write: drive, id, -, -
UPDATE node n SET nlink = {{fsck_nlink n}}, children = {{fsck_children n}},
	mode = CASE WHEN a.xattrs > 0 THEN n.mode | {{SQL_MODE_XATTRS}} ELSE n.mode & ~{{SQL_MODE_XATTRS}} END,
	allocated = CASE WHEN n.orphaned_at IS NULL THEN x.bytes ELSE n.allocated END,
	extents = CASE WHEN n.orphaned_at IS NULL THEN x.extents ELSE n.extents END,
	charged = CASE WHEN n.orphaned_at IS NULL THEN x.bytes + length(n.target) + a.xattr_bytes ELSE n.charged END
FROM node m
CROSS JOIN LATERAL ({{fsck_content m}}) x
CROSS JOIN LATERAL ({{fsck_attributes m}}) a
WHERE n.id = $2 AND m.id = $2 AND n.id >> 32 = $1
