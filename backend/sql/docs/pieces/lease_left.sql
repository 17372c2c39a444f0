-- lease_left: The time in ms until the first of the conflicting sessions may be ended, if it stays silent.
(
	SELECT ceil(min(extract(epoch FROM GREATEST(s.locks_at + $9 * interval '1 s',
		CASE WHEN s.doubted_at > s.locks_at THEN s.doubted_at + $10 * interval '1 s' END) - now())) * 1000)::bigint
	FROM other o
	JOIN session s ON s.id = o.session
)
