-- mine_trashed: Like mine, for a drive in the trash. A drive that will be purged, because it was empty or was thrown
-- away twice, does not exist for any caller.
d.id = $1 AND d.trashed_at > '-infinity' AND ($2 = 0 OR d.owner = $2)
