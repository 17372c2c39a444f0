-- write: drive, drive, limit
-- For the drives after $1 up to $2. Old entries come first.
DELETE FROM journal t
USING (
	SELECT j.drive, j.seq
	FROM drive d
	CROSS JOIN LATERAL (
		SELECT j.drive, j.seq, j.made_at
		FROM journal j
		WHERE j.drive = d.id AND j.seq <= d.seq - {{JOURNAL_ROWS_KEPT}}
		ORDER BY j.seq
		LIMIT $3
	) j
	WHERE d.id > $1 AND d.id <= $2 AND (j.made_at < now() - interval '{{JOURNAL_HOURS_KEPT}} h'
		OR j.seq <= d.seq - {{JOURNAL_ROWS_MAX}})
	LIMIT $3
) p
WHERE t.drive = p.drive AND t.seq = p.seq
