-- read: drive, owner
SELECT
FROM drive d
WHERE {{mine_trashed}}
