-- read: drive, id, -, limit
-- Compares the sums in a document's row with the rows that exist, and a digest of its content with the content, where
-- one look at the rows says what it should be. The extents of a removed document go in steps.
WITH page AS MATERIALIZED ({{fsck_documents}}),
found AS (
	SELECT k.kind, n.id, CASE WHEN n.orphaned_at IS NULL THEN n.parent END AS parent, n.name, k.is_, k.should
	FROM page n
	JOIN drive d ON d.id = $1
	CROSS JOIN LATERAL ({{fsck_content n}}) x
	CROSS JOIN LATERAL ({{fsck_attributes n}}) a
	LEFT JOIN LATERAL ({{fsck_digest n}}) g ON true
	CROSS JOIN LATERAL (VALUES
		({{FSCK_TYPE_BAD}}, ({{fsck_type_known n}})::int::bigint, 1::bigint),
		({{FSCK_LINKS}}, n.nlink::bigint, {{fsck_nlink n}}::bigint),
		({{FSCK_CHILDREN}}, n.children, {{fsck_children n}}),
		({{FSCK_ALLOCATED}}, n.allocated, CASE WHEN n.orphaned_at IS NULL THEN x.bytes ELSE n.allocated END),
		({{FSCK_EXTENTS}}, n.extents::bigint, CASE WHEN n.orphaned_at IS NULL THEN x.extents ELSE n.extents END),
		({{FSCK_CHARGED}}, n.charged, CASE WHEN n.orphaned_at IS NULL
			THEN x.bytes + length(n.target) + a.xattr_bytes ELSE n.charged END),
		({{FSCK_XATTRS}}, (n.mode & {{SQL_MODE_XATTRS}} <> 0)::int::bigint, (a.xattrs > 0)::int::bigint),
		({{FSCK_EXTENT_BAD}}, x.bad, 0),
		({{FSCK_EXTENTS_OVERLAP}}, x.over, 0),
		({{FSCK_AHEAD}}, GREATEST(n.seq, n.content_seq), LEAST(GREATEST(n.seq, n.content_seq), d.seq)),
		({{FSCK_NUMBER}}, n.id & 4294967295, CASE WHEN n.id & 4294967295 = 0
			THEN 1 ELSE LEAST(n.id & 4294967295, d.next_number - 1) END),
		({{FSCK_SIZE_BAD}}, n.size, GREATEST(n.size, 0)),
		({{FSCK_DIGEST}}, COALESCE(n.digest_seq > n.content_seq OR (n.digest_seq = n.content_seq AND (
			length(n.digest) <> 32 OR (n.size = 0 AND n.digest <> sha256('')) OR (g.kind = 1 AND n.digest <> g.digest)
		)), false)::int, 0),
		({{FSCK_DIGEST_INLINE}}, COALESCE(g.kind = 0 AND length(n.digest) = 32 AND n.digest <> g.digest, false)::int, 0)
	) k (kind, is_, should)
	WHERE k.is_ <> k.should
),
reached AS (
	SELECT max(id) AS last, ''::bytea AS last_bytes FROM page
)
{{fsck_rows}}
