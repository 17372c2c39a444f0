-- write
DELETE FROM setup_token
WHERE one AND hash = $1
