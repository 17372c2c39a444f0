-- write: drive, limit
DELETE FROM drive_blocks p
WHERE p.drive = $1 AND $2 > 0 AND NOT EXISTS (SELECT FROM block WHERE drive = $1)
