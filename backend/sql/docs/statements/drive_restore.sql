-- write: drive, owner: whether it replaces another first drive
-- A drive that was its owner's first drive becomes the first again, unless another drive has become the first and is
-- not empty. The root is locked behind that drive: where the statement waits for a batch of the drive, it sees what
-- the batch has added.
WITH t AS MATERIALIZED (
	SELECT d.id, d.owner, d.home FROM drive d WHERE {{mine_trashed}} FOR NO KEY UPDATE
),
h AS MATERIALIZED (
	SELECT d.id, n.children = 0 AS empty
	FROM t
	JOIN drive d ON d.owner = t.owner AND d.home AND d.trashed_at IS NULL
	JOIN node n ON n.id = (d.id::bigint << 32) | 1
	WHERE t.home
	FOR NO KEY UPDATE OF d, n
),
gone AS (
	UPDATE drive d SET trashed_at = '-infinity', home = false
	FROM h
	WHERE d.id = h.id AND h.empty
	RETURNING 1
)
UPDATE drive d SET trashed_at = NULL, home = t.home AND ((SELECT count(*) FROM gone) = 1 OR NOT EXISTS (SELECT
	FROM h))
FROM t
WHERE d.id = t.id
RETURNING (SELECT count(*) FROM gone) = 1
