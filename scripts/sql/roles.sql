-- The roles and databases of a store, for psql as the superuser; what is there already stays as it is. In a cluster that an earlier version
-- made, nephos is the superuser that owns all: it becomes postgres, and a new nephos, who is none, takes its place. (The first superuser of a
-- cluster cannot be made less than that, only renamed, and not by itself.)
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
