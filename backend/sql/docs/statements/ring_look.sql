-- read
SELECT epoch, calls, preparing
FROM ring
WHERE single
