-- read: drive, id, -, limit
-- Finds documents whose mode has no type, where other data says which type it was.
WITH page AS MATERIALIZED ({{fsck_documents}}),
found AS (
	SELECT {{FSCK_TYPE_BAD}} AS kind, n.id, CASE WHEN n.orphaned_at IS NULL THEN n.parent END AS parent, n.name,
		0::bigint AS is_, 0::bigint AS should
	FROM page n
	WHERE NOT {{fsck_type_known n}} AND {{fsck_type n}} IS NOT NULL
),
reached AS (
	SELECT max(id) AS last, ''::bytea AS last_bytes FROM page
)
{{fsck_rows}}
