-- Makes nephos the owner of this database and of everything that the superuser of an earlier version made in it.
-- Changes nothing when nephos owns the database already. Either all of it is done, or nothing.
DO $$
DECLARE
	command text;
BEGIN
	IF (SELECT datdba FROM pg_database WHERE datname = current_database()) = 'nephos'::regrole THEN
		RETURN;
	END IF;
	FOR command IN
		WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
			extended AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
		-- The sequence of a column changes its owner together with its table.
		SELECT format('ALTER TABLE %s OWNER TO nephos', c.oid::regclass) FROM pg_class c
		WHERE relnamespace IN (SELECT oid FROM ours) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
				AND (d.deptype = 'e' OR (c.relkind = 'S' AND d.deptype IN ('a', 'i'))))
		UNION ALL
		SELECT format('ALTER ROUTINE %s OWNER TO nephos', p.oid::regprocedure) FROM pg_proc p
		WHERE pronamespace IN (SELECT oid FROM ours) AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM extended)
		UNION ALL
		SELECT format('ALTER TYPE %s OWNER TO nephos', t.oid::regtype) FROM pg_type t
		WHERE typnamespace IN (SELECT oid FROM ours) AND typtype IN ('e', 'd') AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM extended)
		UNION ALL
		SELECT format('ALTER STATISTICS %I.%I OWNER TO nephos', nspname, stxname) FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace
		WHERE n.oid IN (SELECT oid FROM ours)
		UNION ALL
		SELECT format('ALTER SCHEMA %I OWNER TO nephos', nspname) FROM pg_namespace
		WHERE oid IN (SELECT oid FROM ours) AND nspname <> 'public'
		UNION ALL
		SELECT format('ALTER DATABASE %I OWNER TO nephos', current_database())
	LOOP
		EXECUTE command;
	END LOOP;
END
$$;
