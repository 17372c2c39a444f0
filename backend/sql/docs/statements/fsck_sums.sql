-- read: drive, -, -, limit
-- Uses one snapshot of the whole drive: the sums are right at each position of the drive, but not between two
-- positions.
WITH page AS MATERIALIZED (
	SELECT d.*
	FROM drive d
	WHERE d.id = $1 AND {{fsck_checked}}
),
found AS (
	SELECT k.kind, 0::bigint AS id, NULL::bigint AS parent, NULL::bytea AS name, k.is_, k.should
	FROM page d
	CROSS JOIN ({{fsck_totals}}) t
	CROSS JOIN LATERAL (VALUES
		({{FSCK_DRIVE_USED}}, d.used, t.used),
		({{FSCK_DRIVE_DOCUMENTS}}, d.documents, GREATEST(t.documents, LEAST(d.documents, t.documents_most))),
		({{FSCK_DRIVE_EXTENTS}}, d.extents, t.extents),
		({{FSCK_DRIVE_BLOCKS}}, (SELECT COALESCE(sum(p.bytes), 0)::bigint FROM drive_blocks p WHERE p.drive = $1),
			(SELECT COALESCE(sum({{block_counts b.size}}), 0)::bigint FROM block b WHERE b.drive = $1)),
		({{FSCK_ROOT}}, (SELECT count(*) FROM node r WHERE r.id = ($1::bigint << 32 | 1) AND r.parent = r.id
			AND {{fsck_is_folder r}}), 1)
	) k (kind, is_, should)
	WHERE k.is_ <> k.should
),
reached AS (
	SELECT NULL::bigint AS last, ''::bytea AS last_bytes
)
{{fsck_rows}}
