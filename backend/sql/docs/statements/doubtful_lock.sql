-- write: drive, hashes, grace, whether also blocks that were let go
-- An upload that finds the block at the same time touches it. Either the upload waits for this lock and then does not
-- find the block, or it came first, and this statement sees that.
SELECT
FROM unnest($2::bytea[]) w (sha256), block b
WHERE {{still_doubtful}}
ORDER BY b.sha256
FOR UPDATE OF b
