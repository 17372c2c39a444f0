-- mine: Of a drive: it exists, is not in the trash, and belongs to the caller.
d.id = $1 AND d.trashed_at IS NULL AND ($2 = 0 OR d.owner = $2)
