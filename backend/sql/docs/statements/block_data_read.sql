-- read: sha256, generation, drive, first piece, last piece, where the range begins in the first piece, and where it
-- ends in the last piece
-- A row without a piece means that the block has no such piece. A part of a piece is read without the rest of the
-- piece.
SELECT
	b.size,
	p.piece,
	substr(
		p.bytes,
		CASE WHEN p.piece = $4 THEN $6 ELSE 0 END + 1,
		CASE WHEN p.piece = $5 THEN $7 ELSE {{BLOCK_PIECE_BYTES}} END
			- CASE WHEN p.piece = $4 THEN $6 ELSE 0 END
	)
FROM block_data b
LEFT JOIN block_piece p
	ON p.sha256 = $1 AND p.generation = $2 AND p.drive = $3 AND p.piece BETWEEN $4 AND $5
WHERE b.sha256 = $1 AND b.generation = $2 AND b.drive = $3
ORDER BY p.piece
