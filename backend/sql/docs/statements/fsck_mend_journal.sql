-- write: drive, the first seq after the gap
-- A client that asks for the entries before the gap gets the answer that they are no longer kept, and reads everything
-- again.
DELETE FROM journal
WHERE drive = $1 AND seq < $2
