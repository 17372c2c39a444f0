-- fsck_type n: The type of a document that has lost it, from data that documents of one type only can have. Folders:
-- being the root, and entries. Symlinks: a target. Files: extents, and a size that is not the target's. Without such
-- data the document may be an empty file, an empty folder, a fifo or a socket, and with a device number any of two
-- kinds of devices: then there is no type (NULL). There is none either if the data is that of two types, because part
-- of it is wrong, and nothing says which part. Counts are no evidence: they are mended from the rows that they count.
(
	SELECT CASE
		WHEN s.device OR s.folder::int + s.symlink::int + s.file::int <> 1 THEN NULL
		WHEN s.folder THEN 16384
		WHEN s.symlink THEN 40960
		ELSE 32768
	END
	FROM (
		SELECT {{n}}.rdev <> 0 AS device, length({{n}}.target) > 0 AS symlink,
			{{n}}.id & 4294967295 = 1 OR (
				SELECT true FROM entry e WHERE e.parent = {{n}}.id LIMIT 1
			) IS NOT NULL AS folder, ({{n}}.size > 0 AND {{n}}.size <> length({{n}}.target)) OR (
				SELECT true FROM extent x WHERE x.node = {{n}}.id LIMIT 1
			) IS NOT NULL AS file
	) s
)
