-- read: drive
SELECT d.id
FROM drive d
WHERE d.id > $1 AND (d.trashed_at IS NULL OR d.trashed_at > now() - interval '{{TRASH_TEXT}} days' + interval '1 h')
ORDER BY d.id
LIMIT 1
