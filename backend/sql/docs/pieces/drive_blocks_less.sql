-- drive_blocks_less gone: Subtracts deleted blocks from the sum of drive $1.
INSERT INTO drive_blocks AS p (drive, part, bytes)
SELECT $1, 0, -sum({{block_counts size}})
FROM {{gone}}
HAVING count(*) > 0
ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
