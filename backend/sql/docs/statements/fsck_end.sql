-- write: run, holder, state
UPDATE fsck SET state = $3, ended_at = clock_timestamp()
WHERE {{fsck_held}}
