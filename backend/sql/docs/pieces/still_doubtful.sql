-- still_doubtful: $4: or, however young, if it was let go.
b.drive = $1 AND b.sha256 = w.sha256 AND b.doubtful AND (b.touched_at < now() - $3 * interval '1 s'
	OR (b.let_go AND $4 <> 0))
