-- write: id
-- The lock is held to the end of the transaction, so that what the next statement reads stays so. A document's number
-- takes 32 bits; in the key it is a signed number.
SELECT pg_advisory_xact_lock(($1::bigint >> 32)::int, (($1::bigint & 4294967295) - 2147483648)::int)
