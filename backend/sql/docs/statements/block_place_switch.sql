-- write: step
UPDATE block_place
SET step = step + 1, kind = target, target = NULL
WHERE step = $1 AND target IS NOT NULL
