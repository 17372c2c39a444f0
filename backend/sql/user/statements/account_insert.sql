-- write
-- account_name_key refuses a second account with the same name.
INSERT INTO account (name, name_key, email, password, admin, created_ns, folded)
VALUES ($1, $2, $3::text, $4::text, $5, $6, $7)
RETURNING id
