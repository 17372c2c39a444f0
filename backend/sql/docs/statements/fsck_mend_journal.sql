-- write: drive, first behind the gap
-- Who asks for what was in front of it is told that it is no longer kept, and reads anew.
DELETE FROM journal
WHERE drive = $1 AND seq < $2
