-- read: drive, parent, name, limit
-- Finds names that lead to no document, or to one that is about to be deleted, names that lie in no folder, names that
-- no document may have, and names that a search for the names of their document does not find. Of a name without
-- document or folder nothing else is reported. A folder that has lost its type is a folder here: the loss is reported
-- once, by the phase of the documents, and not for each name.
WITH page AS MATERIALIZED (
	SELECT e.*
	FROM entry e
	WHERE (e.parent, e.name) > ($2, $3) AND {{of_drive e.parent}} AND {{fsck_checked}}
	ORDER BY e.parent, e.name
	LIMIT $4
),
found AS (
	SELECT k.kind, e.child AS id, e.parent, e.name, k.is_, k.should
	FROM page e
	LEFT JOIN LATERAL (SELECT c.* FROM node c WHERE c.id = e.child AND c.id >> 32 = $1 LIMIT 1) c ON true
	LEFT JOIN LATERAL (SELECT p.id FROM node p WHERE p.id = e.parent AND {{fsck_maybe_folder p}} LIMIT 1) p ON true
	CROSS JOIN LATERAL (VALUES
		({{FSCK_ENTRY_WITHOUT_CHILD}}, (c.id IS NOT NULL)::int::bigint, 1::bigint),
		({{FSCK_ENTRY_WITHOUT_PARENT}}, (c.id IS NULL OR p.id IS NOT NULL)::int, 1),
		({{FSCK_ENTRY_TO_ORPHAN}}, (c.id IS NULL OR p.id IS NULL OR c.orphaned_at IS NULL)::int, 1),
		({{FSCK_NAME_BAD}}, (c.id IS NULL OR p.id IS NULL OR NOT {{fsck_name_bad e.name}})::int, 1),
		({{FSCK_ENTRY_UNMARKED}}, (c.id IS NULL OR p.id IS NULL OR {{fsck_name_bad e.name}}
			OR (e.linked AND NOT ({{fsck_is_folder c}})) OR (c.parent = e.parent AND c.name = e.name))::int, 1)
	) k (kind, is_, should)
	WHERE k.is_ <> k.should
),
reached AS (
	SELECT parent AS last, name AS last_bytes FROM page ORDER BY parent DESC, name DESC LIMIT 1
)
{{fsck_rows}}
