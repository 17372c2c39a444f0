-- read: drive, hashes
SELECT b.sha256, b.generation, b.size
FROM unnest($2::bytea[]) w (sha256)
JOIN block b ON b.drive = $1 AND b.sha256 = w.sha256
FOR KEY SHARE OF b
