-- nameless_at n: Of an orphan: the seq that took its last name (rows of before that was kept: the last there
-- can be).
COALESCE({{n}}.orphaned_seq, 9223372036854775807)
