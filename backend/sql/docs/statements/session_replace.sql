-- write: drive, owner, name, session that ends
-- Runs after SQL_SESSION_LOCK, which may have waited for a poll that wrote what the session holds. This statement sees
-- those rows.
WITH made AS (
	INSERT INTO session (user_id, drive, name, began_seq, locks_at)
	SELECT d.owner, d.id, $3, COALESCE((SELECT s.began_seq FROM session s WHERE s.id = $4
		AND s.drive = d.id), d.seq), (
		SELECT CASE WHEN s.locks_at IS NOT NULL THEN now() END
		FROM session s
		WHERE s.id = $4 AND s.drive = d.id
	)
	FROM drive d
	WHERE {{mine}}
	RETURNING id, drive
),
old AS (
	DELETE FROM session s USING made WHERE s.id = $4 AND s.drive = made.drive RETURNING s.id
),
held AS (
	UPDATE hold h SET session = made.id FROM made, old WHERE h.session = old.id
),
locked AS (
	UPDATE file_lock l SET session = made.id FROM made, old WHERE l.session = old.id
)
SELECT id
FROM made
