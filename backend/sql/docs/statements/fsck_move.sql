-- write: run, holder, phase, drive, number, bytes, page, drives, rows, blocks, bytes
UPDATE fsck SET phase = $3, drive = $4, at_number = $5, at_bytes = $6, page = $7, drives = drives + $8,
	rows = rows + $9, blocks = blocks + $10, bytes = bytes + $11, seen_at = clock_timestamp()
WHERE {{fsck_held}}
