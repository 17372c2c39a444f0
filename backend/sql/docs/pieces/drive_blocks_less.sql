-- drive_blocks_less gone: Drive $1 counts less by its blocks that are gone.
INSERT INTO drive_blocks AS p (drive, part, bytes)
SELECT $1, 0, -sum({{block_counts size}})
FROM {{gone}}
HAVING count(*) > 0
ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes
