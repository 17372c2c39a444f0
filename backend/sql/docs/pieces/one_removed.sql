-- one_removed: Of a single op: the entry that it removes.
DELETE FROM entry
WHERE parent = $44 AND name = $45
