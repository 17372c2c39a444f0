-- fsck_totals: Of the drive $1: the right values of the sums in its row. The count of documents lies between two
-- numbers, because a document that has lost its type counts as one if it is a folder, and once for each of its names if
-- not.
SELECT COALESCE(sum(n.charged), 0)::bigint AS used, COALESCE(sum(CASE WHEN {{fsck_maybe_folder n}}
	THEN 1 ELSE GREATEST(n.nlink, 1) END), 0)::bigint AS documents, COALESCE(sum(CASE WHEN {{fsck_is_folder n}}
	THEN 1 ELSE GREATEST(n.nlink, 1) END), 0)::bigint AS documents_most,
	COALESCE(sum({{extents_further n.extents}}), 0)::bigint AS extents
FROM node n
WHERE {{of_drive n.id}}
