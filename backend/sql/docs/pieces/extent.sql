-- extent x: The columns of an extent, in the order of enum docs_sql_extent_column.
{{x}}.node, {{x}}.at, {{x}}.len, {{x}}.kind, {{x}}.sha256, {{x}}.generation, {{x}}.from_, {{x}}.block_size,
	{{x}}.data
