-- read: drive, sessions, numbers
-- The rows are not locked: numbers change only under the drive's lock.
SELECT s.id, s.user_id, s.number, s.status, s.fingerprint,
	CASE WHEN s.number = ANY ($3::bigint[]) THEN s.headers END,
	CASE WHEN s.number = ANY ($3::bigint[]) THEN s.body END, s.began_seq
FROM session s
WHERE s.id = ANY ($2::bigint[]) AND s.drive = $1 AND {{alive s}}
