-- write: step, target
-- Waits for the transactions that write rows of blocks under the old step. Afterwards there are no more of them.
UPDATE block_place
SET step = step + 1, target = $2, at_drive = 0, at_sha256 = '', moved = 0
WHERE step = $1 AND target IS NULL
