-- read: drive, owner, id, session, after, limit, bytes: id, seq, name, value
-- Returns the xattrs after a name: up to a limit, and up to the first that exceeds a number of bytes. The length of a
-- value is known without reading the value.
SELECT d.incarnation, d.seq, n.id, n.seq, x.name, x.value
FROM drive d
LEFT JOIN node n ON n.id = $3 AND {{visible n}}
LEFT JOIN LATERAL (
	SELECT z.name, z.value
	FROM (
		SELECT y.name, y.value, sum(octet_length(y.name) + octet_length(y.value)) OVER w AS before
		FROM (
			SELECT v.name, v.value
			FROM xattr v
			WHERE v.node = n.id AND v.name > $5
			ORDER BY v.name
			LIMIT $6
		) y
		WINDOW w AS (ORDER BY y.name ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
	) z
	WHERE COALESCE(z.before, 0) <= $7
) x ON true
WHERE {{mine}}
