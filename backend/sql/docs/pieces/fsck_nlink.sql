-- fsck_nlink n: The right link count of a document. A document in a folder that has lost its type may be counted as a
-- folder there, or not. If the document itself has lost its type, its count cannot be judged.
CASE WHEN {{fsck_is_folder {{n}}}} THEN (
	SELECT GREATEST(2 + count(*) FILTER (WHERE {{fsck_is_folder c}}), LEAST({{n}}.nlink, 2 + count(*)))
	FROM entry e
	JOIN node c ON c.id = e.child
	WHERE e.parent = {{n}}.id AND c.id >> 32 = {{n}}.id >> 32 AND {{fsck_maybe_folder c}}
) WHEN {{fsck_type_known {{n}}}} THEN {{fsck_links {{n}}}} ELSE {{n}}.nlink END
