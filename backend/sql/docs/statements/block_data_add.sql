-- write: sha256, generation, drive, size
INSERT INTO block_data (sha256, generation, drive, size)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
