-- write
-- Index: account_admin. Every transaction that would take an administrator's rights away locks the first two rows, in
-- the order of ids, before anything else. So these transactions run one after the other, and each sees the result of
-- the one before.
SELECT id
FROM account
WHERE admin
ORDER BY id
LIMIT 2
FOR UPDATE
