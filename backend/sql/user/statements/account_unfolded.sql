-- read
-- Index: account_unfolded
SELECT {{account}}
FROM account a
WHERE NOT a.folded
ORDER BY a.id
LIMIT $1
