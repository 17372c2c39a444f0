-- write: owner
DELETE FROM account
WHERE owner = $1
