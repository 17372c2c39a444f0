-- seen_step: seen_at is indexed. It changes only in steps of this length, so that most updates of the row stay
-- heap-only.
interval '30 s'
