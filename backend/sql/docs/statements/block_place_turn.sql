-- write: step
-- Takes a move back: it becomes the move in the other direction. Waits for transactions as block_place_begin does.
UPDATE block_place
SET step = step + 1, kind = target, target = kind, at_drive = 0, at_sha256 = '', moved = 0
WHERE step = $1 AND target IS NOT NULL
