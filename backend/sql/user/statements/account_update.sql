-- write
-- Index: account_pkey
UPDATE account SET name = $2, name_key = $3, email = $4::text, password = $5::text, admin = $6
WHERE id = $1
