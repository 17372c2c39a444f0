-- write: drive, drive, limit
-- Removes the stored last answers of sessions of a drive that exceed a limit, first those of the sessions that were
-- silent for longest. A session that repeats a request without its answer learns that the number was used, and reads
-- the result in the journal.
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
