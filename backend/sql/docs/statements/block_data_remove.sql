-- write: sha256, generation, drive
WITH gone AS (
	DELETE FROM block_data
	WHERE sha256 = $1 AND generation = $2 AND drive = $3
)
DELETE FROM block_piece
WHERE sha256 = $1 AND generation = $2 AND drive = $3
