-- one_added: Of a single op: the entry that it adds.
INSERT INTO entry (parent, child, linked, name)
VALUES ($46, $47, $48 <> 0, $49)
