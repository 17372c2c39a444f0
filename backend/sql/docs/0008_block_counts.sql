-- A block counts as BLOCK_COUNTED_MIN at the least: its file takes a page of the disk, however short it is.
INSERT INTO drive_blocks AS p (drive, part, bytes)
SELECT drive, 0, sum(4096 - size)
FROM block
WHERE size < 4096
GROUP BY drive
ON CONFLICT (drive, part) DO UPDATE SET bytes = p.bytes + excluded.bytes;
