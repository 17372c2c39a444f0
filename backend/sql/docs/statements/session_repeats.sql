-- write: sessions
UPDATE session SET repeats = repeats + 1
WHERE id = ANY ($1::bigint[])
