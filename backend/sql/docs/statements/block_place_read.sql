-- read
SELECT step, kind, target, at_drive, at_sha256, moved
FROM block_place
