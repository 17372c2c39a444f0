-- write
UPDATE fsck SET state = 3, ended_at = clock_timestamp()
WHERE state = 1
