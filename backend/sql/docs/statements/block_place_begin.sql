-- write: step, target
-- Waits for those who write rows of blocks by the old step; from then on there are none.
UPDATE block_place
SET step = step + 1, target = $2, at_drive = 0, at_sha256 = '', moved = 0
WHERE step = $1 AND target IS NULL
