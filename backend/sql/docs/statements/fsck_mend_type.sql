-- write: drive, id, -, -
-- Permissions and all other bits of the mode stay.
UPDATE node n SET mode = (n.mode & ~61440) | t.type
FROM (
	SELECT m.id, {{fsck_type m}} AS type
	FROM node m
	WHERE m.id = $2 AND m.id >> 32 = $1 AND NOT {{fsck_type_known m}}
) t
WHERE n.id = t.id AND t.type IS NOT NULL
