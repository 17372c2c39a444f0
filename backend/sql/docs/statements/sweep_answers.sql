-- write: drive, drive, limit
DELETE FROM idempotency t
USING (
	SELECT a.user_id, a.key
	FROM drive d
	CROSS JOIN LATERAL (
		SELECT i.user_id, i.key, i.created_at,
			sum(length(i.headers) + length(i.body) + length(i.key)) OVER (
				ORDER BY i.created_at DESC ROWS UNBOUNDED PRECEDING
			) AS bytes
		FROM idempotency i
		WHERE i.drive = d.id
	) a
	WHERE d.id > $1 AND d.id <= $2 AND a.bytes > {{KEPT_ANSWERS_BYTES_MAX}}
		AND a.created_at < now() - interval '{{KEPT_ANSWERS_MINUTES}} min'
	LIMIT $3
) p
WHERE t.user_id = p.user_id AND t.key = p.key
