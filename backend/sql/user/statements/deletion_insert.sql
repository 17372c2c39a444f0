-- write
-- Index: deletion_counter_pkey, deletion_pkey
WITH next AS (UPDATE deletion_counter SET last = last + 1 WHERE one RETURNING last)
INSERT INTO deletion (seq, user_id, at_ns)
SELECT last, $1, $2
FROM next
