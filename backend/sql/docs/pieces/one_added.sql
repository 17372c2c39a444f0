-- one_added: Of one op: the entry that it adds.
INSERT INTO entry (parent, child, linked, name)
VALUES ($44, $45, $46 <> 0, $47)
