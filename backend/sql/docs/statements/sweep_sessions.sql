-- write: drive, drive, limit
-- What the sessions of a drive were answered last, beyond what may be: of those that were not heard of for longest. Who
-- asks for such an answer again is told that the number was used, and reads in the journal what became of it.
UPDATE session t SET fingerprint = '', headers = '', body = ''
FROM (
	SELECT s.id
	FROM session s
	JOIN (
		SELECT a.id, a.number, sum(a.size) OVER (
			PARTITION BY a.drive ORDER BY a.seen_at DESC, a.id ROWS UNBOUNDED PRECEDING
		) AS bytes
		FROM drive d
		CROSS JOIN LATERAL (
			SELECT s.drive, s.id, s.number, s.seen_at, length(s.body) AS size
			FROM session s
			WHERE s.drive = d.id
		) a
		WHERE d.id > $1 AND d.id <= $2 AND a.size > 0
	) a ON s.id = a.id AND s.number = a.number
	WHERE a.bytes > {{KEPT_ANSWERS_BYTES_MAX}}
	LIMIT $3
	FOR UPDATE OF s SKIP LOCKED
) p
WHERE t.id = p.id
