-- fsck_attributes n: The number and the bytes of the xattrs of a document.
SELECT count(*) AS xattrs, COALESCE(sum(length(y.name) + length(y.value)), 0)::bigint AS xattr_bytes
FROM xattr y
WHERE y.node = {{n}}.id
