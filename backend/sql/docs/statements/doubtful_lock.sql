-- write: drive, hashes, grace, also what was let go
-- An upload that finds the block meanwhile touches it: it waits for this lock and then finds nothing,
-- or came first and is seen here.
SELECT
FROM unnest($2::bytea[]) w (sha256), block b
WHERE {{still_doubtful}}
ORDER BY b.sha256
FOR UPDATE OF b
