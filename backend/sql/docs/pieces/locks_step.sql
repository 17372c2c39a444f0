-- locks_step: Like seen_step, for sessions with file locks, whose lease is shorter.
interval '{{SQL_LOCKS_STEP_SECONDS}} s'
