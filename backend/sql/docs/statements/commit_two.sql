-- write: as enum docs_sql_one
-- variants: created added removed session
-- As commit_one.sql, of an op that changes two documents.
WITH d AS (
	UPDATE drive SET seq = $2, next_number = $3, used = $4, documents = $5 WHERE id = $1
)
, u1 AS ({{one_changed}})
, u2 AS ({{one_changed_too}})
{{if created}}, c AS ({{one_created}}){{end}}
{{if added}}, e AS ({{one_added}}){{end}}
{{if removed}}, r AS ({{one_removed}}){{end}}
{{if session}}, s AS (
	UPDATE session s SET number = $19, status = $20, fingerprint = $21, headers = $22, body = $23,
		seen_at = CASE WHEN s.seen_at < now() - {{seen_step}} THEN now() ELSE s.seen_at END
	WHERE s.id = $18
){{end}}
INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)
VALUES ($1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
