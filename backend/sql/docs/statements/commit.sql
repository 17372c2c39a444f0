-- write: as enum docs_sql_commit_param
-- variants: created added removed session
-- The end of a transaction. One statement writes all that most batches have. A further statement costs a tenth of a
-- commit, and so does each part of a statement that has nothing to do: hence there is a variant for each set of parts.
-- The parts change different rows (an entry that is removed and added in one transaction is an update: ON CONFLICT), so
-- that their order does not matter.
--
-- Rows are packed: the numbers of row i (from 0) are the elements from i*STRIDE+1 of one bigint[], and its bytes are
-- the elements i+1 of several bytea[], with one unnest() for all of these. An unnest of twenty arrays would make twenty
-- tuple stores. PostgreSQL finds an element of a bigint[] by its position, but not one of a bytea[].
--
-- Most batches are a single op of a mount: commit_one.sql is for these.
WITH d AS (UPDATE drive SET seq = $2, next_number = $3, used = $4, documents = $22, extents = $23 WHERE id = $1)
, u AS (
	UPDATE node n SET parent = {{packed_changed 2}}, size = {{packed_changed 3}},
		allocated = {{packed_changed 4}}, charged = {{packed_changed 5}}, mode = {{packed_changed 6}},
		uid = {{packed_changed 7}}, gid = {{packed_changed 8}}, nlink = {{packed_changed 9}},
		atime = {{packed_changed 10}}, mtime = {{packed_changed 11}}, ctime = {{packed_changed 12}},
		seq = {{packed_changed 14}}, content_seq = {{packed_changed 15}},
		children = {{packed_changed 18}}, extents = {{packed_changed 19}}, name = c.name, orphaned_at =
		CASE WHEN {{packed_changed 17}} <> 0 THEN COALESCE(n.orphaned_at, now()) END, orphaned_seq =
		CASE WHEN {{packed_changed 17}} <> 0 THEN COALESCE(n.orphaned_seq, {{packed_changed 14}}) END
	FROM unnest($10::bytea[]) WITH ORDINALITY c (name, i)
	WHERE n.id = {{packed_changed 1}}
)
{{if created}}, c AS (
	INSERT INTO node (id, parent, size, allocated, charged, mode, uid, gid, nlink, atime, mtime, ctime,
		btime, seq, content_seq, rdev, children, extents, orphaned_at, orphaned_seq, name, target)
	SELECT {{packed_created 1}}, {{packed_created 2}}, {{packed_created 3}}, {{packed_created 4}},
		{{packed_created 5}}, {{packed_created 6}}, {{packed_created 7}}, {{packed_created 8}},
		{{packed_created 9}}, {{packed_created 10}}, {{packed_created 11}}, {{packed_created 12}},
		{{packed_created 13}}, {{packed_created 14}}, {{packed_created 15}}, {{packed_created 16}},
		{{packed_created 18}}, {{packed_created 19}}, CASE WHEN {{packed_created 17}} <> 0 THEN now() END,
		CASE WHEN {{packed_created 17}} <> 0 THEN {{packed_created 14}} END, c.name, c.target
	FROM unnest($12::bytea[], $13::bytea[]) WITH ORDINALITY c (name, target, i)
){{end}}
{{if added}}, e AS (
	INSERT INTO entry (parent, child, linked, name)
	SELECT {{packed_added 1}}, {{packed_added 2}}, {{packed_added 3}} <> 0, a.name
	FROM unnest($15::bytea[]) WITH ORDINALITY a (name, i)
	ON CONFLICT (parent, name) DO UPDATE SET child = excluded.child, linked = excluded.linked
){{end}}
{{if removed}}, r AS (
	DELETE FROM entry e
	USING unnest($16::bigint[], $17::bytea[]) r (parent, name)
	WHERE e.parent = r.parent AND e.name = r.name
){{end}}
{{if session}}, s AS (
	{{session_update $18, $19::bytea[], $20::bytea[], $21::bytea[]}}
){{end}}
INSERT INTO journal (drive, seq, op, what, id, parent, old_parent, replaced, from_, len, name, old_name, key)
SELECT $1, {{packed_journal 1}}, {{packed_journal 2}}, {{packed_journal 3}}, {{packed_journal 4}},
	{{packed_journal 5}}, {{packed_journal 6}}, {{packed_journal 7}}, {{packed_journal 8}},
	{{packed_journal 9}}, j.name, j.old_name, j.key
FROM unnest($6::bytea[], $7::bytea[], $8::bytea[]) WITH ORDINALITY j (name, old_name, key, i)
