-- write: step, drive and hash of the last block, how many blocks
UPDATE block_place
SET at_drive = $2, at_sha256 = $3, moved = moved + $4
WHERE step = $1
