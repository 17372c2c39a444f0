-- write: drive, packed (user, status), keys, fingerprints, headers, bodies
INSERT INTO idempotency (drive, user_id, status, key, fingerprint, headers, body)
SELECT $1, $2[(i - 1) * 2 + 1], $2[(i - 1) * 2 + 2], a.key, a.fingerprint, a.headers, a.body
FROM unnest($3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[]) WITH ORDINALITY a (key, fingerprint, headers,
	body, i)
