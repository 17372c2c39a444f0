-- mine_trashed: The same in the trash; what is to be purged, as it was empty or thrown away twice, is not
-- there for anybody.
d.id = $1 AND d.trashed_at > '-infinity' AND ($2 = 0 OR d.owner = $2)
