-- nameless_at n: Of an orphan: the seq that took its last name. Rows from before this was stored have the highest
-- possible seq.
COALESCE({{n}}.orphaned_seq, 9223372036854775807)
