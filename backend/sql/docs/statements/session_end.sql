-- write: drive, owner, session
DELETE FROM session s
USING drive d
WHERE s.id = $3 AND s.drive = d.id AND {{mine}}
