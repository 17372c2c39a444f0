-- write: drive, owner, session
SELECT
FROM drive d
JOIN session s ON s.id = $3 AND s.drive = d.id
WHERE {{mine}}
FOR UPDATE OF s
