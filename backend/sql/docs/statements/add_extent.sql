-- write: the numbers of one, hash, data
INSERT INTO extent (node, at, len, kind, generation, from_, block_size, sha256, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::bytea, $9::bytea)
