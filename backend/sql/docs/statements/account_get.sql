-- read: owner: quota or NULL, used, bytes of blocks, the default's quota or NULL, documents, how many may be
SELECT (SELECT quota FROM account WHERE owner = $1), COALESCE((SELECT sum(used) FROM drive WHERE owner = $1),
	0)::bigint, COALESCE((
	SELECT sum(p.bytes) FROM drive d JOIN drive_blocks p ON p.drive = d.id WHERE d.owner = $1
), 0)::bigint, (SELECT quota FROM account WHERE owner = 0), COALESCE((SELECT sum(documents) FROM drive
	WHERE owner = $1), 0)::bigint, COALESCE((
	SELECT a.documents
	FROM (
		SELECT {{account_documents a}} AS documents
		FROM account a
		WHERE a.owner = ANY (ARRAY[0, $1])
		ORDER BY a.owner DESC
		LIMIT 1
	) a
), 0)
