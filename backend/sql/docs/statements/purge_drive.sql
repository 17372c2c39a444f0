-- write: drive, limit
DELETE FROM drive d
WHERE d.id = $1 AND $2 > 0 AND NOT EXISTS (SELECT FROM extent WHERE {{of_drive node}}) AND NOT EXISTS (SELECT
	FROM xattr WHERE {{of_drive node}}) AND NOT EXISTS (SELECT FROM entry WHERE {{of_drive parent}})
	AND NOT EXISTS (SELECT FROM node WHERE {{of_drive id}}) AND NOT EXISTS (SELECT FROM journal
	WHERE drive = $1) AND NOT EXISTS (SELECT FROM session WHERE drive = $1) AND NOT EXISTS (SELECT
	FROM idempotency WHERE drive = $1) AND NOT EXISTS (SELECT FROM block WHERE drive = $1)
	AND NOT EXISTS (SELECT FROM drive_blocks WHERE drive = $1)
