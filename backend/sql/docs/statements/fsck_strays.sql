-- read: -, drive, -, limit
-- Finds the next drive that rows refer to; no rows may refer to a drive that does not exist. The check begins before
-- the smallest number of an int: 0 and negative numbers are no drives, but rows may have them, those of drives
-- included, which the other phases leave out. Behind the largest one the shift would begin again.
WITH page AS MATERIALIZED (
	SELECT n.drive
	FROM (
		SELECT LEAST(
			(SELECT n.id >> 32 FROM node n WHERE n.id >= ($2 + 1) << 32 ORDER BY n.id LIMIT 1),
			(SELECT e.parent >> 32 FROM entry e WHERE e.parent >= ($2 + 1) << 32 ORDER BY e.parent LIMIT 1),
			(SELECT x.node >> 32 FROM extent x WHERE x.node >= ($2 + 1) << 32 ORDER BY x.node LIMIT 1),
			(SELECT x.node >> 32 FROM xattr x WHERE x.node >= ($2 + 1) << 32 ORDER BY x.node LIMIT 1),
			(SELECT j.drive FROM journal j WHERE j.drive > $2 ORDER BY j.drive LIMIT 1),
			(SELECT b.drive FROM block b WHERE b.drive > $2 ORDER BY b.drive LIMIT 1),
			(SELECT d.id FROM drive d WHERE d.id > $2 AND d.id < 1 ORDER BY d.id LIMIT 1)
		) AS drive
		WHERE $2 < 2147483647
	) n
	WHERE n.drive IS NOT NULL
),
found AS (
	SELECT {{FSCK_STRAY}} AS kind, 0::bigint AS id, NULL::bigint AS parent, NULL::bytea AS name, p.drive AS is_, 0::bigint AS should
	FROM page p
	WHERE p.drive < 1 OR NOT EXISTS (SELECT FROM drive d WHERE d.id = p.drive)
),
reached AS (
	SELECT drive::bigint AS last, ''::bytea AS last_bytes FROM page
)
{{fsck_rows}}
