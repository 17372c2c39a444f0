-- write: packed, fingerprints, headers, bodies
{{session_update $1, $2::bytea[], $3::bytea[], $4::bytea[]}}
