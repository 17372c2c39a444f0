-- acl n, name: Its ACLs, of those that have xattrs at all: nothing is looked up for the others.
CASE WHEN {{n}}.mode & {{SQL_MODE_XATTRS}} <> 0 THEN (
	SELECT a.value FROM xattr a WHERE a.node = {{n}}.id AND a.name = '{{name}}'
) END
