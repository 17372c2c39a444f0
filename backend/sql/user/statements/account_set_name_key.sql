-- write
-- Index: account_pkey; account_name_key refuses a name that is taken.
UPDATE account SET name_key = $2, folded = true
WHERE id = $1
