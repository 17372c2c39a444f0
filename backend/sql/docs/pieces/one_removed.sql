-- one_removed: Of one op: the entry that it removes.
DELETE FROM entry
WHERE parent = $44 AND name = $45
