-- write
-- Index: account_admin. All that would make an administrator less lock the first two, in the order of ids,
-- before anything else: so they go one after the other, and whoever waited sees what the one before
-- has left.
SELECT id
FROM account
WHERE admin
ORDER BY id
LIMIT 2
FOR UPDATE
