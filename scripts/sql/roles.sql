-- Makes the roles and databases of a store; for psql as the superuser. Existing ones stay as they are. In a cluster
-- that an earlier version made, nephos is the superuser that owns everything: this role is renamed to postgres, and a
-- new role nephos, which is no superuser, takes its place. (PostgreSQL can only rename the first superuser of a
-- cluster, not take its rights away, and a role cannot rename itself.)
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postgres') AS earlier \gset
\if :earlier
BEGIN;
CREATE ROLE nephos_renames SUPERUSER;
SET SESSION AUTHORIZATION nephos_renames;
ALTER ROLE nephos RENAME TO postgres;
RESET SESSION AUTHORIZATION;
DROP ROLE nephos_renames;
CREATE ROLE nephos LOGIN;
COMMIT;
\endif
SELECT 'CREATE ROLE nephos LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nephos') \gexec
ALTER ROLE nephos LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
SELECT format('CREATE DATABASE %I OWNER nephos', wanted) FROM unnest(ARRAY['users', 'docs']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = wanted) \gexec
