-- write: run, holder, drive, kind, mended, id, parent, name, is, should
-- Collects the names from the document up to the root; the depth is limited, because folders may form a circle. A
-- removed document has no path, except the one of an entry that leads to it all the same.
WITH RECURSIVE up (depth, id, name) AS (
	SELECT 0, $7::bigint, $8::bytea
	WHERE $7::bigint IS NOT NULL AND ($4 IN ({{FSCK_ENTRY_WITHOUT_CHILD}}, {{FSCK_ENTRY_WITHOUT_PARENT}},
		{{FSCK_ENTRY_UNMARKED}}, {{FSCK_ENTRY_TO_ORPHAN}}, {{FSCK_NAME_BAD}})
		OR (SELECT n.orphaned_at FROM node n WHERE n.id = $6) IS NULL)
	UNION ALL
	SELECT u.depth + 1, n.parent, n.name
	FROM up u
	JOIN node n ON n.id = u.id
	WHERE u.id & 4294967295 <> 1 AND u.depth < {{FSCK_PATH_NAMES_MAX}}
),
counted AS (
	UPDATE fsck SET found = found + 1, mended = mended + ($5::boolean)::int
	WHERE {{fsck_held}}
	RETURNING found
)
INSERT INTO fsck_finding (run, number, drive, kind, mended, id, is_, should, drive_name, path)
SELECT $1, c.found, $3, $4, $5, $6, $9, $10, COALESCE((SELECT d.name FROM drive d WHERE d.id = $3), ''),
	COALESCE((SELECT string_agg('\x2f'::bytea || u.name, '' ORDER BY u.depth DESC) FROM up u), '')
FROM counted c
WHERE c.found <= {{FSCK_FINDINGS_MAX}}
