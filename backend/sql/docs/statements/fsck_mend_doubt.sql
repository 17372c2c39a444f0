-- write: drive, generation, -, hash
UPDATE block SET doubtful = true, let_go = true, touched_at = now()
WHERE drive = $1 AND sha256 = $4 AND generation = $2
