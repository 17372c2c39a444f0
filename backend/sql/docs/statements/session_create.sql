-- write: drive, owner, name
INSERT INTO session (user_id, drive, name, began_seq)
SELECT d.owner, d.id, $3, d.seq
FROM drive d
WHERE {{mine}} AND (SELECT count(*) FROM session s WHERE s.drive = d.id) < {{SESSIONS_PER_DRIVE_MAX}}
RETURNING id
