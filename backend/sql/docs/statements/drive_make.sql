-- write: owner, name, quota, whether it must be the first drive
-- No row: another call has made the first drive in the meantime, or the owner has as many drives as allowed. The root
-- is a folder of user and group 0, with mode 0755.
WITH made AS (
	INSERT INTO drive (owner, name, quota, home)
	SELECT $1, $2, $3, $4 OR NOT EXISTS (
		SELECT FROM drive d WHERE d.owner = $1 AND d.home AND d.trashed_at IS NULL
	)
	WHERE (SELECT count(*) FROM drive d WHERE d.owner = $1) < {{DRIVES_PER_USER_MAX}}
	ON CONFLICT (owner)
	WHERE home AND trashed_at IS NULL DO NOTHING
	RETURNING *
),
root AS (
	INSERT INTO node (id, parent, name, size, allocated, charged, uid, gid, atime, mtime, ctime, btime,
		seq, content_seq, children, rdev, mode, nlink, target)
	SELECT (id::bigint << 32) | 1, (id::bigint << 32) | 1, '', 0, 0, 0, 0, 0, t, t, t, t, 0, 0, 0, 0,
		16877, 2, ''
	FROM made, (SELECT (extract(epoch FROM now()) * 1000000000)::bigint AS t) now
)
SELECT {{drive d}}
FROM made d
