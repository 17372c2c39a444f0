-- write: epoch, calls, preparing
UPDATE ring
SET epoch = $1, calls = $2, preparing = $3
WHERE single
