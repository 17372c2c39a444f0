-- acl n, name: The ACLs of a document. Documents without xattrs need no look-up.
CASE WHEN {{n}}.mode & {{SQL_MODE_XATTRS}} <> 0 THEN (
	SELECT a.value FROM xattr a WHERE a.node = {{n}}.id AND a.name = '{{name}}'
) END
