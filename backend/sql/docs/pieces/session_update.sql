-- session_update numbers, bytes: Stores the answers of sessions, packed: session, number, status; and their bytes.
UPDATE session s SET number = {{packed_session {{numbers}}, 2}}, status = {{packed_session {{numbers}}, 3}},
	fingerprint = a.fingerprint, headers = a.headers, body = a.body, seen_at =
	CASE WHEN s.seen_at < now() - {{seen_step}} THEN now() ELSE s.seen_at END
FROM unnest({{bytes}}) WITH ORDINALITY a (fingerprint, headers, body, i)
WHERE s.id = {{packed_session {{numbers}}, 1}}
