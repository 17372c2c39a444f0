-- read: drive, id, -, limit
-- Finds documents without an entry for the name in their row, and folders that are not below the root.
WITH page AS MATERIALIZED ({{fsck_documents}}),
found AS (
	SELECT k.kind, n.id, n.parent, n.name, k.is_, k.should
	FROM page n
	CROSS JOIN LATERAL (
		SELECT n.orphaned_at IS NOT NULL OR n.id & 4294967295 = 1 OR EXISTS (
			SELECT FROM entry e WHERE e.parent = n.parent AND e.name = n.name AND e.child = n.id
		) AS named
	) s
	CROSS JOIN LATERAL (
		WITH RECURSIVE up (id) AS (
			SELECT n.id
			WHERE s.named AND n.orphaned_at IS NULL AND {{fsck_is_folder n}}
			UNION
			SELECT p.parent
			FROM up u
			JOIN node p ON p.id = u.id
		)
		SELECT count(*) > 0 AND count(*) FILTER (WHERE u.id = ($1::bigint << 32 | 1)) = 0 AS lost
		FROM up u
	) r
	CROSS JOIN LATERAL (VALUES
		({{FSCK_NAME_LOST}}, s.named::int::bigint, 1::bigint),
		({{FSCK_UNREACHABLE}}, (NOT r.lost)::int, 1)
	) k (kind, is_, should)
	WHERE k.is_ <> k.should
),
reached AS (
	SELECT max(id) AS last, ''::bytea AS last_bytes FROM page
)
{{fsck_rows}}
