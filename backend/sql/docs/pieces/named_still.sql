-- named_still n: An entry leads to the document, although its row says that it lost its last name: the rows contradict
-- each other, and it must not be deleted. The check of the store (fsck) decides.
((
	SELECT true FROM entry e WHERE e.parent = {{n}}.parent AND e.name = {{n}}.name AND e.child = {{n}}.id LIMIT 1
) IS NOT NULL OR (
	SELECT true FROM entry e WHERE e.child = {{n}}.id AND e.linked LIMIT 1
) IS NOT NULL)
