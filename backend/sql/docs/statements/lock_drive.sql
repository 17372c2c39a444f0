-- write: drive
-- Waits for whoever has the drive, then sees the row as that one left it; the statements that follow
-- have snapshots of after that.
SELECT {{drive d}}
FROM drive d
WHERE d.id = $1 AND d.trashed_at IS NULL
FOR NO KEY UPDATE
