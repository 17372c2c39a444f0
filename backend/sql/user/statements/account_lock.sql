-- write
SELECT {{account}}
FROM account a
WHERE a.id = $1
FOR UPDATE
