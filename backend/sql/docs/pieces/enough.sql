-- enough: One more than a batch may have says that it has too many.
LIMIT {{BATCH_ROWS_MAX}} + 1
