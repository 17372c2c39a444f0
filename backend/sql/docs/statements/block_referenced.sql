-- read: drive, owner, hash
WITH d AS (SELECT d.id FROM drive d WHERE {{mine}}),
b AS (
	SELECT {{block_columns}}
	FROM block b
	WHERE b.drive = $1 AND b.sha256 = $3 AND EXISTS (
		SELECT FROM extent x WHERE x.kind = 1 AND x.sha256 = $3 AND x.node >> 32 = $1
	)
)
SELECT b.*
FROM d
LEFT JOIN b ON true
