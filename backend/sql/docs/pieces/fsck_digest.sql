-- fsck_digest n: The digest of a document's content, where the content is one inline extent, or one block whose hash is
-- known. For other content there is no row, or NULL.
SELECT y.kind, CASE WHEN y.kind = 0 THEN sha256(y.data)
	WHEN y.kind = 1 AND y.from_ = 0 AND y.block_size = {{n}}.size THEN y.sha256 END AS digest
FROM extent y
WHERE y.node = {{n}}.id AND y.at = 0 AND y.len = {{n}}.size AND {{n}}.digest_seq = {{n}}.content_seq
	AND {{n}}.orphaned_at IS NULL
LIMIT 1
