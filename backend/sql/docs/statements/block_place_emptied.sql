-- write: step
-- The place of the last copied block stays until the store that the blocks came from is empty.
UPDATE block_place
SET at_drive = 0, at_sha256 = ''
WHERE step = $1 AND target IS NULL
