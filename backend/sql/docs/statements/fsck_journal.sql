-- read: drive, seq, -, limit
-- Entries before the page may be trimmed meanwhile; entries after it may be added. The first page begins behind 0.
-- Changes are numbered from 1 on: entries below are no part of the journal, and reported once.
WITH page AS MATERIALIZED (
	SELECT j.seq
	FROM journal j
	WHERE j.drive = $1 AND j.seq > $2 AND {{fsck_checked}}
	ORDER BY j.seq
	LIMIT $4
),
found AS (
	SELECT {{FSCK_JOURNAL_GAP}} AS kind, 0::bigint AS id, NULL::bigint AS parent, NULL::bytea AS name, p.before + 1 AS is_,
		p.seq AS should
	FROM (
		SELECT q.seq, lag(q.seq, 1, COALESCE((
			SELECT j.seq FROM journal j WHERE j.drive = $1 AND j.seq = $2 AND $2 > 0
		), q.seq - 1)) OVER (ORDER BY q.seq) AS before
		FROM page q
	) p
	WHERE p.seq <> p.before + 1
	UNION ALL
	SELECT {{FSCK_JOURNAL_NUMBER}}, 0, NULL, NULL, l.seq, 1
	FROM (SELECT min(j.seq) AS seq FROM journal j WHERE j.drive = $1 AND j.seq < 1 AND $2 = 0) l
	WHERE l.seq IS NOT NULL AND {{fsck_checked}}
	UNION ALL
	SELECT {{FSCK_JOURNAL_END}}, 0, NULL, NULL, l.seq, d.seq
	FROM drive d
	CROSS JOIN (SELECT COALESCE(max(p.seq), $2) AS seq, count(*) AS rows FROM page p) l
	WHERE d.id = $1 AND l.rows < $4 AND l.seq <> d.seq AND {{fsck_checked}}
),
reached AS (
	SELECT max(seq) AS last, ''::bytea AS last_bytes FROM page
)
{{fsck_rows}}
