-- write: drive, owner, name or NULL, quota or NULL
UPDATE drive d SET name = COALESCE($3::bytea, name), quota = COALESCE($4::bigint, quota)
WHERE {{mine}}
