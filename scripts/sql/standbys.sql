-- Makes the two roles with which nodes of PostgreSQL copy from each other, as Patroni makes them in a cluster that it
-- creates. The variables replicator and rewinder have their passwords. This is for a cluster that was one server until
-- now: services can connect only after a standby follows it (roles.sql).
SELECT format('CREATE ROLE %I', wanted) FROM unnest(ARRAY['replicator', 'rewinder']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec
ALTER ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
ALTER ROLE rewinder LOGIN PASSWORD :'rewinder';
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text),
	pg_read_binary_file(text, bigint, bigint, boolean) TO rewinder;
ALTER ROLE nephos NOLOGIN;
