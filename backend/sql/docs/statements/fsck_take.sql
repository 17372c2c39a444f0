-- write: holder
UPDATE fsck SET holder = $1, seen_at = clock_timestamp()
WHERE state = 1 AND (holder = $1 OR seen_at < clock_timestamp() - interval '{{FSCK_LEASE_S}} s')
RETURNING run, repair, phase, drive, at_number, at_bytes, page
