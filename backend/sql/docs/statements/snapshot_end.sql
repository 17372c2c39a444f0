-- write
ROLLBACK
