-- drive_bare d: No document of it has xattrs: the first row of the index says so.
NOT EXISTS (
	SELECT
	FROM xattr x
	WHERE x.node >= {{d}}.id::bigint << 32 AND x.node < ({{d}}.id + 1)::bigint << 32
)
