-- read
SELECT 1
FROM setup_token
WHERE one AND hash = $1
