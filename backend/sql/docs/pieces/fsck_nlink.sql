-- fsck_nlink n: The right link count of a document.
CASE WHEN {{fsck_is_folder {{n}}}} THEN 2 + (
	SELECT count(*)
	FROM entry e
	JOIN node c ON c.id = e.child
	WHERE e.parent = {{n}}.id AND c.id >> 32 = {{n}}.id >> 32 AND {{fsck_is_folder c}}
) ELSE {{fsck_links {{n}}}} END
