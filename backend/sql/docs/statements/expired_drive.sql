-- write: limit
-- Drives whose time in the trash is over. They are marked before the first of their rows is removed: nobody restores a
-- drive of which a part is gone. A drive that is restored before this statement has it stays.
WITH d AS MATERIALIZED (
	SELECT id, trashed_at
	FROM drive
	WHERE trashed_at < now() - interval '{{TRASH_TEXT}} days'
	ORDER BY random()
	LIMIT $1
),
marked AS (
	UPDATE drive t SET trashed_at = '-infinity'
	FROM d
	WHERE t.id = d.id AND t.trashed_at = d.trashed_at AND d.trashed_at > '-infinity'
	RETURNING t.id
)
SELECT id FROM d WHERE trashed_at = '-infinity'
UNION ALL
SELECT id FROM marked
