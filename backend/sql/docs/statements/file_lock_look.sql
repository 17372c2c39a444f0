-- write: drive, owner, id, session, kind, from, to, exclusive, lease, doubt
-- The same for who will wait: those who are in the way will say when they are not.
WITH {{others}}, mark AS (
	UPDATE file_lock l SET waited = true
	FROM (SELECT DISTINCT session FROM other) o
	WHERE l.node = $3 AND l.kind = $5 AND l.session = o.session AND NOT l.waited
)
{{lock_look}}
