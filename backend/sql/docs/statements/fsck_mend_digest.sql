-- write: drive, id, -, -
-- A digest is only kept so that it need not be computed again.
UPDATE node SET digest = NULL, digest_seq = NULL
WHERE id = $2 AND id >> 32 = $1 AND digest IS NOT NULL
