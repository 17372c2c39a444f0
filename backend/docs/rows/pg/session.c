#include "backend/docs/rows/pg/docs_pg_internal.h"

/* Waits for statements that write to the session, so that the next statement sees what they wrote. */
static int lock_session(struct docs_pg *s, const struct docs_scope *scope, int64_t session)
{
	const struct docs_pg_question q = {&SQL_SESSION_LOCK, scope, {PG_P_I64(session)}, 1};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(s, &q, &result);
	if (r == 0)
		pg_result_free(result);
	return r;
}

/* Why no session was made: there is no such drive, or it has the most sessions that it may have. */
static int why_none(struct docs_store *store, const struct docs_scope *scope)
{
	struct docs_scope bare = {.user = scope->user, .drive = scope->drive};
	struct docs_drive drive;
	const int r = docs_pg_drive_get(store, &bare, &drive);

	return r < 0 ? r : -EDQUOT;
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
	r = pg_rows(result) > 0 ? 0 : why_none(store, scope);
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

		/* If the drive is not the caller's, the answer is that there is no such drive: -ERR_SESSION_GONE
		 * would reveal that it exists. */
		r = docs_pg_drive_get(store, scope, &drive);
		r = r < 0 ? r : -ERR_SESSION_GONE;
	}
	pg_result_free(result);
	return r;
}

struct looked {
	bool renew; /* the poll has something to write */
	int64_t others;
};

static int look(struct docs_pg *s, const struct docs_scope *scope, int64_t session, struct looked *ret)
{
	const struct docs_pg_question q = {
		&SQL_SESSION_LOOK, scope, {PG_P_I64(session), pg_array_param(s->numbers[0])}, 2};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(s, &q, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0)
		r = docs_pg_no_drive(s, scope);
	else if (!pg_number(result, 0, 0))
		r = -ERR_SESSION_GONE;
	else
		*ret = (struct looked){pg_number(result, 0, 1) != 0, pg_number(result, 0, 2)};
	pg_result_free(result);
	return r;
}

int docs_pg_session_poll(
	struct docs_store *store, const struct docs_scope *scope, const struct docs_poll *poll, int64_t *ret_others)
{
	struct docs_pg *s = docs_pg_of(store);
	struct looked looked = {0};
	int r = poll->held_count > DOCS_PG_HELD_MAX ? -ERR_TOO_LARGE : 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < poll->held_count; i++)
		r = pg_array_add_number(s->numbers[0], poll->held[i]);
	if (r == 0)
		r = look(s, scope, poll->session, &looked);
	if (r == 0 && looked.renew) {
		const struct pg_param params[] = {PG_P_I64(poll->session), pg_array_param(s->numbers[0])};

		r = pg_run(s->pg, &SQL_SESSION_RENEW, params, 2, NULL);
	}
	if (r == 0)
		*ret_others = looked.others;
	return r;
}
