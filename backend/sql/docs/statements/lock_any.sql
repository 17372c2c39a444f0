-- write: drive, in the trash too
SELECT id
FROM drive
WHERE id = $1
FOR NO KEY UPDATE
