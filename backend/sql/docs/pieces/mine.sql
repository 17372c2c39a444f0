-- mine: Of a drive: that it is there, and the caller's.
d.id = $1 AND d.trashed_at IS NULL AND ($2 = 0 OR d.owner = $2)
