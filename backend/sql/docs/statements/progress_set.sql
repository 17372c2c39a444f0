-- write: name, since
INSERT INTO progress AS p (name, since)
VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET since = excluded.since
WHERE p.since < excluded.since
