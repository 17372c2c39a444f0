-- write: sha256, generation, drive, number of the piece, its bytes
INSERT INTO block_piece (sha256, generation, drive, piece, bytes)
VALUES ($1, $2, $3, $4, $5)
