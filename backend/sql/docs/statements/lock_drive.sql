-- write: drive
-- Waits for the transaction that has the drive, then returns the row as that transaction left it. Later statements have
-- snapshots from after that.
SELECT {{drive d}}
FROM drive d
WHERE d.id = $1 AND d.trashed_at IS NULL
FOR NO KEY UPDATE
