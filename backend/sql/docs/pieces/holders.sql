-- holders n: Of an orphan: the seq that took its last name, as long as who has it open may not have said so
-- yet; and who has it open.
CASE WHEN {{n}}.orphaned_at > now() - interval '{{ORPHAN_GRACE_S}} s' THEN {{nameless_at {{n}}}} END,
	CASE WHEN {{n}}.orphaned_at IS NOT NULL THEN (
	SELECT string_agg(int8send(h.session), '') FROM hold h WHERE h.node = {{n}}.id
) END
