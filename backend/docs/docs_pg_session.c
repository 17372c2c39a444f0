#include "backend/docs/docs_pg_private.h"

/* Waits for whoever writes to it, so that what was written is seen by the statement that follows. */
static int lock_session(struct docs_pg *s, const struct docs_scope *scope, int64_t session)
{
	const struct docs_pg_question q = {&SQL_SESSION_LOCK, scope, {PG_P_I64(session)}, 1};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(s, &q, &result);
	if (r == 0)
		pg_result_free(result);
	return r;
}

int docs_pg_session_create(struct docs_store *store, const struct docs_scope *scope, struct span name, int64_t replaces,
	int64_t *ret_session)
{
	struct docs_pg *s = docs_pg_of(store);
	const struct docs_pg_question create = {&SQL_SESSION_CREATE, scope, {PG_P_BYTEA(name)}, 1};
	const struct docs_pg_question replace = {
		&SQL_SESSION_REPLACE, scope, {PG_P_BYTEA(name), PG_P_I64(replaces)}, 2};
	struct pg_result *result = NULL;

	int r = replaces ? lock_session(s, scope, replaces) : 0;
	if (r == 0)
		r = docs_pg_ask(s, replaces ? &replace : &create, &result);
	if (r < 0)
		return r;
	r = pg_rows(result) > 0 ? 0 : -ERR_NOT_FOUND;
	if (r == 0)
		*ret_session = pg_number(result, 0, 0);
	pg_result_free(result);
	return r;
}

int docs_pg_session_end(struct docs_store *store, const struct docs_scope *scope, int64_t session)
{
	const struct docs_pg_question q = {&SQL_SESSION_END, scope, {PG_P_I64(session)}, 1};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	if (pg_touched(result) == 0) {
		struct docs_drive drive;

		/* Of a drive that is not the caller's there is nothing to be gone. */
		r = docs_pg_drive_get(store, scope, &drive);
		r = r < 0 ? r : -ERR_SESSION_GONE;
	}
	pg_result_free(result);
	return r;
}

/* Whether the session is there, and whether the poll says anything new. */
static int look(struct docs_pg *s, const struct docs_scope *scope, int64_t session, bool *ret_renew)
{
	const struct docs_pg_question q = {
		&SQL_SESSION_LOOK, scope, {PG_P_I64(session), pg_array_param(s->numbers[0])}, 2};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(s, &q, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0)
		r = -ERR_NOT_FOUND;
	else if (!pg_number(result, 0, 0))
		r = -ERR_SESSION_GONE;
	else
		*ret_renew = pg_number(result, 0, 1) != 0;
	pg_result_free(result);
	return r;
}

int docs_pg_session_poll(struct docs_store *store, const struct docs_scope *scope, int64_t session, const int64_t *held,
	size_t held_count)
{
	struct docs_pg *s = docs_pg_of(store);
	bool renew = false;
	int r = held_count > DOCS_PG_HELD_MAX ? -ERR_TOO_LARGE : 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < held_count; i++)
		r = pg_array_add_number(s->numbers[0], held[i]);
	if (r == 0)
		r = look(s, scope, session, &renew);
	if (r < 0 || !renew)
		return r;
	const struct pg_param params[] = {PG_P_I64(session), pg_array_param(s->numbers[0])};
	return pg_run(s->pg, &SQL_SESSION_RENEW, params, 2, NULL);
}
