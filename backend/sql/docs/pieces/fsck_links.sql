-- fsck_links n: Names that lead to a document: those marked as further ones, and the one that its row says, which may be
-- marked, too, where it took the place of another.
(SELECT count(*) FROM entry e WHERE e.child = {{n}}.id AND e.linked) + (
	SELECT count(*)
	FROM entry e
	WHERE e.parent = {{n}}.parent AND e.name = {{n}}.name AND e.child = {{n}}.id AND NOT e.linked
)
