-- drive d: The columns of a drive, in the order of enum docs_sql_drive_column.
{{d}}.id, {{d}}.owner, {{d}}.incarnation, {{d}}.seq, {{d}}.epoch, {{d}}.lease_epoch, {{d}}.lease_session,
	{{d}}.next_number, {{quota_left {{d}}}}, {{d}}.used, {{d}}.name, {{d}}.quota, {{d}}.documents,
	{{documents_left {{d}}}}, {{d}}.extents, {{extents_left {{d}}}}
