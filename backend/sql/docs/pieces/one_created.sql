-- one_created: Of a single op: the document that it makes.
INSERT INTO node (id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime, btime, seq,
	content_seq, children, extents, rdev, name, target)
VALUES ($50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64, $65, $66, $67, $68, $69)
