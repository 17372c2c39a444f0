-- read
-- Index: account_pkey
SELECT {{account}}
FROM account a
WHERE a.id = $1
