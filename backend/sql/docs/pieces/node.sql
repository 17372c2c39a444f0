-- node n: The columns of a document, in the order of enum docs_sql_node_column.
{{n}}.id, {{n}}.parent, {{n}}.name, {{n}}.size, {{n}}.allocated, {{n}}.charged, {{n}}.mode, {{n}}.uid,
	{{n}}.gid, {{n}}.nlink, {{n}}.atime, {{n}}.mtime, {{n}}.ctime, {{n}}.btime, {{n}}.seq,
	{{n}}.content_seq, {{n}}.rdev, {{n}}.target, {{n}}.orphaned_at IS NOT NULL, {{n}}.children
