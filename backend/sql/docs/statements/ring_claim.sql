-- write: drive, epoch
-- The ring's row is locked to the end of the transaction, so that a claim is made in that epoch or not at all. A drive
-- that was claimed in a later epoch does not change. The first two columns tell why the others are empty.
WITH r AS (
	SELECT epoch
	FROM ring
	WHERE single AND epoch = $2
	FOR SHARE
)
, c AS (
	UPDATE drive d SET epoch = r.epoch
	FROM r
	WHERE d.id = $1 AND d.epoch <= r.epoch
	RETURNING d.incarnation, d.seq, d.owner
)
SELECT EXISTS (SELECT FROM r), EXISTS (SELECT FROM drive WHERE id = $1), c.incarnation, c.seq, c.owner
FROM (SELECT 1) AS one
LEFT JOIN c ON true
