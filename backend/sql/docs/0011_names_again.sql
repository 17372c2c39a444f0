-- What was made, linked and lost its first name in one transaction was left without the name that its row says. Any of those that it has.
UPDATE node n SET parent = e.parent, name = e.name FROM entry e WHERE n.parent = 0 AND n.orphaned_at IS NULL AND e.child = n.id AND e.linked;
