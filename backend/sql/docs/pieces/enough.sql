-- enough: One row more than a batch may have shows that the batch has too many.
LIMIT {{BATCH_ROWS_MAX}} + 1
