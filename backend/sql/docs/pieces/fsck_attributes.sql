-- fsck_attributes n: Of the xattrs of a document: how many, and their bytes.
SELECT count(*) AS xattrs, COALESCE(sum(length(y.name) + length(y.value)), 0)::bigint AS xattr_bytes
FROM xattr y
WHERE y.node = {{n}}.id
