-- read: name
SELECT since
FROM progress
WHERE name = $1
