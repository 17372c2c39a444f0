-- read: owner: quota or NULL, used, bytes of blocks, the default's quota or NULL, documents, the limit of documents,
-- extents, the limit of extents
SELECT (SELECT quota FROM account WHERE owner = $1), d.used, COALESCE((
	SELECT sum(p.bytes) FROM drive d JOIN drive_blocks p ON p.drive = d.id WHERE d.owner = $1
), 0)::bigint, (SELECT quota FROM account WHERE owner = 0), d.documents, COALESCE(a.documents, 0), d.extents,
	COALESCE(a.extents, 0)
FROM (
	SELECT COALESCE(sum(used), 0)::bigint AS used, COALESCE(sum(documents), 0)::bigint AS documents,
		COALESCE(sum(extents), 0)::bigint AS extents
	FROM drive
	WHERE owner = $1
) d
LEFT JOIN (
	SELECT {{account_documents a}} AS documents, {{quota_extents a.quota}} AS extents
	FROM account a
	WHERE a.owner = ANY (ARRAY[0, $1])
	ORDER BY a.owner DESC
	LIMIT 1
) a ON true
