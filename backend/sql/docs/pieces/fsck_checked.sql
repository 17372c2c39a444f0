-- fsck_checked: The drive $1 exists, and is not due to be purged within the next hour.
EXISTS (
	SELECT
	FROM drive d
	WHERE d.id = $1 AND (d.trashed_at IS NULL OR d.trashed_at > now() - interval '{{TRASH_TEXT}} days' + interval '1 h')
)
