-- read: limit
SELECT id
FROM drive
WHERE trashed_at < now() - interval '{{TRASH_TEXT}} days'
ORDER BY random()
LIMIT $1
