#include "backend/pg/pg_internal.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct pg_statement LOCK = {"migrate_lock", "SELECT pg_advisory_lock($1)", false};
static const struct pg_statement UNLOCK = {"migrate_unlock", "SELECT pg_advisory_unlock($1)", false};
static const struct pg_statement APPLIED = {"migrate_applied", "SELECT name FROM schema_migration ORDER BY name", true};
static const struct pg_statement RECORD = {"migrate_record", "INSERT INTO schema_migration (name) VALUES ($1)", false};

static bool is_applied(const struct pg_result *applied, const char *name)
{
	for (int row = 0; row < pg_rows(applied); row++)
		if (span_eq_str(pg_bytes(applied, row, 0), name))
			return true;
	return false;
}

/* Fails if the table has a name that is not among migrations: a newer program has changed the tables, and this one
 * cannot use them. */
static int refuse_newer(
	struct pg *pg, const struct pg_result *applied, const struct pg_migration *migrations, size_t count)
{
	for (int row = 0; row < pg_rows(applied); row++) {
		struct span name = pg_bytes(applied, row, 0);
		bool known = false;

		for (size_t i = 0; i < count; i++)
			known = known || span_eq_str(name, migrations[i].name);
		if (known)
			continue;
		snprintf(pg->error, sizeof(pg->error),
			"the database has migration %.*s, which this program does not know", (int)name.size, name.data);
		return -EPERM;
	}
	return 0;
}

static int apply_one(struct pg *pg, const struct pg_migration *migration, int64_t until_ns)
{
	const struct pg_param name = PG_P_TEXT(span_str(migration->name));

	int r = pg_script_until(pg, "BEGIN", until_ns);
	if (r < 0)
		return r;
	r = pg_script_until(pg, migration->sql, until_ns);
	if (r == 0)
		r = pg_run(pg, &RECORD, &name, 1, NULL);
	if (r == 0)
		return pg_script_until(pg, "COMMIT", until_ns);
	/* The caller needs the error of the migration, not that of a ROLLBACK: the connection is closed instead. */
	pg_close(pg);
	return r;
}

static int apply_missing(struct pg *pg, const struct pg_migration *migrations, size_t count, int64_t until_ns)
{
	struct pg_result *applied = NULL;

	int r = pg_script_until(pg,
		"SET client_min_messages = warning;"
		"CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
		until_ns);
	if (r < 0)
		return r;
	r = pg_run(pg, &APPLIED, NULL, 0, &applied);
	if (r < 0)
		return r;
	r = refuse_newer(pg, applied, migrations, count);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!is_applied(applied, migrations[i].name))
			r = apply_one(pg, &migrations[i], until_ns);
	pg_result_free(applied);
	return r;
}

int pg_migrate(struct pg *pg, const struct pg_migration *migrations, size_t count, int64_t lock_key)
{
	const struct pg_param key = PG_P_I64(lock_key);
	const int64_t until_ns = clock_mono_ns() + PG_MIGRATE_MS * NS_PER_MS;
	const unsigned deadline_ms = pg->deadline_ms;

	pg->deadline_ms = PG_MIGRATE_MS;
	int r = pg_connect(pg);
	if (r == 0)
		r = pg_script_until(
			pg, "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0", until_ns);
	if (r == 0)
		r = pg_run(pg, &LOCK, &key, 1, NULL);
	if (r == 0)
		r = apply_missing(pg, migrations, count, until_ns);
	if (r == 0)
		r = pg_run(pg, &UNLOCK, &key, 1, NULL);
	/* Closing the connection drops the session settings and, after a failure, the advisory lock. */
	pg_close(pg);
	pg->deadline_ms = deadline_ms;
	return r;
}
