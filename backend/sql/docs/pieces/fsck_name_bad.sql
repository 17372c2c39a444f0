-- fsck_name_bad name: No document may have this name (text_name_check of common/base/text.h).
(
	length({{name}}) NOT BETWEEN 1 AND {{SQL_NAME_BYTES}} OR {{name}} IN ('.', '..')
	OR position('\x2f'::bytea IN {{name}}) > 0 OR position('\x00'::bytea IN {{name}}) > 0
)
