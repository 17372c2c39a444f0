-- write: drive, limit
DELETE FROM node t
USING (SELECT id FROM node WHERE {{of_drive id}} ORDER BY id LIMIT $2) p
WHERE t.id = p.id
