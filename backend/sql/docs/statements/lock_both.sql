-- write: drive, session, number
-- Locks both at once, for a transaction with one session: drive, then the columns of SQL_SESSION_KEYS. No row: look at
-- them one by one. After a wait, PostgreSQL reads both rows again.
SELECT {{drive d}}, s.id, s.user_id, s.number, s.status, s.fingerprint,
	CASE WHEN s.number = $3 THEN s.headers END, CASE WHEN s.number = $3 THEN s.body END, s.began_seq
FROM drive d
JOIN session s ON s.id = $2 AND s.drive = $1 AND {{alive s}}
WHERE d.id = $1 AND d.trashed_at IS NULL
FOR NO KEY UPDATE OF d, s
