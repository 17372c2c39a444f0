-- write: drive, owner, hash
WITH d AS (SELECT d.id FROM drive d WHERE {{mine}}),
b AS (
	UPDATE block b SET {{block_found}}
	FROM d
	WHERE b.drive = d.id AND b.sha256 = $3
	RETURNING {{block_columns}}
)
SELECT b.*
FROM d
LEFT JOIN b ON true
