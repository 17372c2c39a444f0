-- fsck_links n: The number of names that lead to a document: the entries that are marked as further links, and the
-- entry that the document's row names. That entry may be marked, too, if it took the place of another. An entry of
-- another drive, or of none, is no name of the document.
(SELECT count(*) FROM entry e WHERE e.child = {{n}}.id AND e.linked AND e.parent >> 32 = {{n}}.id >> 32) + (
	SELECT count(*)
	FROM entry e
	WHERE e.parent = {{n}}.parent AND e.name = {{n}}.name AND e.child = {{n}}.id AND NOT e.linked
		AND e.parent >> 32 = {{n}}.id >> 32
)
