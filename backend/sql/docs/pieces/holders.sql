-- holders n: Of an orphan (a document without a name that may still be open): the seq that took its last name, as long
-- as sessions that have it open may not have reported this yet; and the sessions that hold it.
CASE WHEN {{n}}.orphaned_at > now() - interval '{{ORPHAN_GRACE_S}} s' THEN {{nameless_at {{n}}}} END,
	CASE WHEN {{n}}.orphaned_at IS NOT NULL THEN (
	SELECT string_agg(int8send(h.session), '') FROM hold h WHERE h.node = {{n}}.id
) END
