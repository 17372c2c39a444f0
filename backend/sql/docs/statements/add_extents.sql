-- write: packed, hashes, datas
INSERT INTO extent (node, at, len, kind, generation, from_, block_size, sha256, data)
SELECT {{packed_extent 1}}, {{packed_extent 2}}, {{packed_extent 3}}, {{packed_extent 4}}, {{packed_extent 5}},
	{{packed_extent 6}}, {{packed_extent 7}}, x.sha256, x.data
FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY x (sha256, data, i)
