-- drive_bare d: No document of the drive has xattrs; the first row of the index shows this.
NOT EXISTS (
	SELECT
	FROM xattr x
	WHERE x.node >= {{d}}.id::bigint << 32 AND x.node < ({{d}}.id + 1)::bigint << 32
)
