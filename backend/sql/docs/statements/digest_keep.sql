-- write: id, content_seq, digest
UPDATE node SET digest = $3, digest_seq = $2
WHERE id = $1 AND content_seq = $2
