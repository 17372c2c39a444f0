-- locks_step: The same for who has file locks, whose lease is shorter.
interval '{{SQL_LOCKS_STEP_SECONDS}} s'
