-- fsck_checked: That the drive $1 is there, and not about to go for good.
EXISTS (
	SELECT
	FROM drive d
	WHERE d.id = $1 AND (d.trashed_at IS NULL OR d.trashed_at > now() - interval '{{TRASH_TEXT}} days' + interval '1 h')
)
