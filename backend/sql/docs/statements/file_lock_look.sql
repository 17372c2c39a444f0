-- write: drive, owner, id, session, kind, from, to, exclusive, lease, doubt
-- For a session that will wait: marks the locks in its way, so that their sessions report when they release them.
WITH {{others}}, mark AS (
	UPDATE file_lock l SET waited = true
	FROM (SELECT DISTINCT session FROM other) o
	WHERE l.node = $3 AND l.kind = $5 AND l.session = o.session AND NOT l.waited
)
{{lock_look}}
