-- write
INSERT INTO timeline AS t (system, number)
SELECT c.system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
FROM pg_control_system() c
ON CONFLICT (one) DO UPDATE SET system = excluded.system, number = excluded.number
