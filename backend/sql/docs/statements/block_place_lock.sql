-- write: a number: one mover at a time, as long as its connection lives
SELECT pg_try_advisory_lock($1)
