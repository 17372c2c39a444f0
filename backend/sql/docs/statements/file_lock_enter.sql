-- write: id
-- Held to the end of the transaction, so that what the next statement sees stays so. A document's
-- number takes 32 bits; the key has them with a sign.
SELECT pg_advisory_xact_lock(($1::bigint >> 32)::int, (($1::bigint & 4294967295) - 2147483648)::int)
