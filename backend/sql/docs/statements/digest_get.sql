-- read: id, content_seq
SELECT digest
FROM node
WHERE id = $1 AND content_seq = $2 AND digest_seq = $2
