-- fsck_totals: Of the drive $1: the right values of the sums in its row.
SELECT COALESCE(sum(n.charged), 0)::bigint AS used, COALESCE(sum(CASE WHEN {{fsck_is_folder n}}
	THEN 1 ELSE GREATEST(n.nlink, 1) END), 0)::bigint AS documents,
	COALESCE(sum({{extents_further n.extents}}), 0)::bigint AS extents
FROM node n
WHERE {{of_drive n.id}}
