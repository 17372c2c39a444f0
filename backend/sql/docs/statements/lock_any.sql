-- write: drive, which may be in the trash
SELECT id
FROM drive
WHERE id = $1
FOR NO KEY UPDATE
