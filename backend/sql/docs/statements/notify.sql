-- write: payloads
SELECT pg_notify('nephos_docs', convert_from(p, 'UTF8'))
FROM unnest($1::bytea[]) p
