-- seen_step: seen_at is indexed: moved in steps, so that most updates of the row stay heap-only.
interval '30 s'
