-- my_session: The session that asks ($4), if it is alive.
session s
WHERE s.id = $4 AND s.drive = $1 AND ($2 = 0 OR s.user_id = $2) AND {{alive s}}
