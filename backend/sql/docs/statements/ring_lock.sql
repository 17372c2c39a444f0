-- write
SELECT epoch, calls, preparing
FROM ring
WHERE single
FOR UPDATE
