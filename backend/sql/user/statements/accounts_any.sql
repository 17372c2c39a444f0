-- read
-- Index: account_pkey
SELECT EXISTS (SELECT FROM account)
