-- fsck_other_name e: The document that the entry e leads to keeps a name when e is removed: the entry that its row names,
-- or one that is marked as a further link. A name in a folder that does not exist keeps nothing.
((
	SELECT true
	FROM node c
	JOIN entry o ON o.parent = c.parent AND o.name = c.name AND o.child = c.id
	WHERE c.id = {{e}}.child AND (o.parent <> {{e}}.parent OR o.name <> {{e}}.name) AND {{fsck_folder_at o.parent}}
	LIMIT 1
) IS NOT NULL OR (
	SELECT true
	FROM entry o
	WHERE o.child = {{e}}.child AND o.linked AND (o.parent <> {{e}}.parent OR o.name <> {{e}}.name)
		AND {{fsck_folder_at o.parent}}
	LIMIT 1
) IS NOT NULL)
