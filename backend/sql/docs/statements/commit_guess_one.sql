-- write: as enum docs_sql_one
-- variants: created added removed session
-- The whole transaction of a batch that was applied to a guess, the state of the drive in memory (guess.c): one round
-- trip, and no statement around it. It writes if the drive's row and the number of the session are still those to which
-- the batch was applied. Otherwise it fails, and so changes nothing: for a single op with a journal row that has no
-- drive (23502), for more ops (claim.sql) with a division by zero (22012). It fails instead of returning no row,
-- because later statements in the same round trip must not run either.
--
-- The drive's row is locked first: s is evaluated after d has returned its row. Parts whose result nothing reads
-- (documents, entries) run after the main statement.
WITH d AS (
	UPDATE drive d SET seq = $2, next_number = $3, used = $4, documents = $5, extents = $6
	WHERE d.id = $1 AND d.trashed_at IS NULL AND {{drive_guessed d}} = $25::bigint[]
	RETURNING d.id
)
, u1 AS ({{one_changed}})
{{if created}}, c AS ({{one_created}}){{end}}
{{if added}}, e AS ({{one_added}}){{end}}
{{if removed}}, r AS ({{one_removed}}){{end}}
{{if session}}, s AS (
	UPDATE session s SET number = $20, status = $21, fingerprint = $22, headers = $23, body = $24,
		seen_at = CASE WHEN s.seen_at < now() - {{seen_step}} THEN now() ELSE s.seen_at END
	WHERE s.id = $19 AND s.drive = $1 AND s.number = $20 - 1 AND {{alive s}}
	RETURNING s.id
){{end}}
INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)
VALUES ((SELECT CASE WHEN (SELECT true FROM s) THEN d.id END FROM d), $7, $8, $9, $10, $11, $12, $13, $14, $15,
	$16, $17, $18)
