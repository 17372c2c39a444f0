-- read
-- Index: account_name_key
SELECT {{account}}
FROM account a
WHERE a.name_key IN ($1, $2)
ORDER BY a.name_key = $2 DESC
LIMIT 1
