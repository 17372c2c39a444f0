#include "backend/docs/rows/pg/docs_pg_internal.h"

/*
 * File locks of mounts: which session holds which range of which document. A mount sends all ranges that it
 * holds of a document, with a number that grows. They replace the rows of its session; when a range of another
 * session is in the way, nothing is changed.
 *
 * This takes one round trip: BEGIN, the document's advisory lock (so that two mounts are decided one after the
 * other), a look at the own session, the end of sessions that hold something in the way and have been silent for
 * too long, then the request itself, COMMIT. Inside of it nothing else is waited for, so a request waits only
 * for the commits of those before it. A request that is sent again has the same number, and gets the same answer
 * from the row.
 *
 * Testing a lock, as F_GETLK does, changes nothing, and is a single statement without a transaction.
 */

#define PARAMS_MAX 10
enum { ENTER = 1, SESSION, BREAK, QUESTION, COMMIT, STEPS }; /* 0: BEGIN */

struct step {
	const struct pg_statement *statement;
	const struct pg_param *params;
	size_t count;
};

/* ret_broke: whether sessions were ended. The caller frees *ret. */
static int run(struct docs_pg *s, const struct step *steps, bool *ret_broke, struct pg_result **ret)
{
	struct pg_result *results[STEPS] = {NULL};

	int r = pg_pipeline_begin(s->pg);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < STEPS; i++)
		r = pg_pipeline_add(s->pg, steps[i].statement, steps[i].params, steps[i].count);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, results);
	if (r < 0) {
		(void)pg_pipeline_rollback(s->pg);
		return r;
	}
	pg_pipeline_end(s->pg);
	*ret_broke = pg_touched(results[BREAK]) > 0;
	for (size_t i = 0; i < STEPS; i++)
		if (i != QUESTION)
			pg_result_free(results[i]);
	*ret = results[QUESTION];
	return 0;
}

/* The result of each request begins with these columns. */
enum { AT_INCARNATION, AT_SEQ, MY_SESSION };

/* -ERR_NOT_FOUND, -ERR_DRIVE_TRASHED: the caller has no such drive. */
static int check(
	struct docs_pg *s, const struct docs_scope *scope, const struct pg_result *r, struct docs_position *ret_at)
{
	if (pg_rows(r) == 0)
		return docs_pg_no_drive(s, scope);
	if (pg_is_null(r, 0, MY_SESSION))
		return -ERR_SESSION_GONE;
	*ret_at = (struct docs_position){pg_number(r, 0, AT_INCARNATION), pg_number(r, 0, AT_SEQ)};
	return 0;
}

static bool get_range(const struct pg_result *r, int column, struct docs_lock_range *ret)
{
	if (pg_is_null(r, 0, column))
		return false;
	*ret = (struct docs_lock_range){
		pg_number(r, 0, column), pg_number(r, 0, column + 1), pg_number(r, 0, column + 2) != 0};
	return true;
}

/* ---- holding ---- */

enum { OLD_NUMBER = MY_SESSION + 1, OLD_GRANTED, OLD_WAITED, HELD_OTHER, HELD_ROOM = HELD_OTHER + 3, HELD_NODE };

static int answer_held(const struct pg_result *r, const struct docs_lock_held *held, struct docs_lock_reply *ret)
{
	const bool known = !pg_is_null(r, 0, OLD_NUMBER);
	const int64_t number = known ? pg_number(r, 0, OLD_NUMBER) : -1;

	if (number > held->number)
		return -ERR_OUT_OF_ORDER;
	if (number < held->number && pg_number(r, 0, HELD_ROOM) == 0)
		return -EDQUOT;
	ret->in_the_way = get_range(r, HELD_OTHER, &ret->other);
	ret->granted = number == held->number ? pg_number(r, 0, OLD_GRANTED) != 0 : !ret->in_the_way && !held->refuse;
	ret->waited = ret->granted && known && pg_number(r, 0, OLD_WAITED) != 0;
	return 0;
}

static int fill_ranges(struct docs_pg *s, const struct docs_lock_held *held)
{
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < held->count; i++) {
		r = pg_array_add_number(s->numbers[0], held->ranges[i].from);
		if (r == 0)
			r = pg_array_add_number(s->numbers[1], held->ranges[i].to);
		if (r == 0)
			r = pg_array_add_number(s->numbers[2], held->ranges[i].exclusive);
	}
	return r;
}

/* budget: the signature is that of docs_store.h */
int docs_pg_lock_hold(struct docs_store *store, const struct docs_scope *scope, const struct docs_lock_held *held,
	const struct docs_lock_terms *terms, struct docs_lock_reply *ret, docs_on_item on_item, void *cookie,
	struct docs_position *ret_at)
{
	struct docs_pg *s = docs_pg_of(store);
	struct docs_lock_reply reply = {0};
	struct pg_result *result = NULL;
	struct tree_node node;

	if (ITEM_DRIVE(held->id) != scope->drive)
		return -ERR_NOT_FOUND;
	int r = fill_ranges(s, held);
	if (r < 0)
		return r;
	struct pg_param broken[PARAMS_MAX] = {PG_P_I32(scope->drive), PG_P_I64(scope->user), PG_P_I64(held->id),
		PG_P_I64(scope->session), PG_P_I16(held->kind), pg_array_param(s->numbers[0]),
		pg_array_param(s->numbers[1]), pg_array_param(s->numbers[2]), PG_P_I64(terms->lease_s),
		PG_P_I64(terms->doubt_s)};
	struct pg_param put[PARAMS_MAX];
	memcpy(put, broken, sizeof(put));
	put[8] = PG_P_I64(held->number);
	put[9] = PG_P_BOOL(held->refuse);
	const struct step steps[STEPS] = {{&PG_BEGIN, NULL, 0}, {&SQL_FILE_LOCK_ENTER, &put[2], 1},
		{&SQL_FILE_LOCK_SESSION, &put[3], 1}, {&SQL_FILE_LOCK_BREAK, broken, PARAMS_MAX},
		{&SQL_FILE_LOCK_PUT, put, PARAMS_MAX}, {&PG_COMMIT, NULL, 0}};
	r = run(s, steps, &reply.broke, &result);
	if (r == 0)
		r = check(s, scope, result, ret_at);
	if (r == 0)
		r = answer_held(result, held, &reply);
	if (r == 0 && pg_is_null(result, 0, HELD_NODE + NODE_ID))
		r = -ERR_NOT_FOUND;
	if (r == 0) {
		docs_pg_node(result, 0, HELD_NODE, &node);
		r = on_item(&node.item, cookie);
	}
	if (r >= 0)
		*ret = reply;
	pg_result_free(result);
	return r;
}

/* ---- looking ---- */

enum { SEEN_OTHER = MY_SESSION + 1, SEEN_LEASE_MS = SEEN_OTHER + 3 };

/* budget: the signature is that of docs_store.h */
int docs_pg_lock_look(struct docs_store *store, const struct docs_scope *scope, const struct docs_lock_wanted *wanted,
	const struct docs_lock_terms *terms, struct docs_lock_seen *ret, struct docs_position *ret_at)
{
	struct docs_pg *s = docs_pg_of(store);
	const struct docs_lock_range *range = &wanted->range;
	struct docs_lock_seen seen = {0};
	struct pg_result *result = NULL;

	if (ITEM_DRIVE(wanted->id) != scope->drive)
		return -ERR_NOT_FOUND;
	const struct pg_param params[PARAMS_MAX] = {PG_P_I32(scope->drive), PG_P_I64(scope->user), PG_P_I64(wanted->id),
		PG_P_I64(scope->session), PG_P_I16(wanted->kind), PG_P_I64(range->from), PG_P_I64(range->to),
		PG_P_I64(range->exclusive), PG_P_I64(terms->lease_s), PG_P_I64(terms->doubt_s)};
	const struct step steps[STEPS] = {{&PG_BEGIN, NULL, 0}, {&SQL_FILE_LOCK_ENTER, &params[2], 1},
		{&SQL_FILE_LOCK_SESSION, &params[3], 1}, {&SQL_FILE_LOCK_BREAK_ONE, params, PARAMS_MAX},
		{&SQL_FILE_LOCK_LOOK, params, PARAMS_MAX}, {&PG_COMMIT, NULL, 0}};
	int r = wanted->waits ? run(s, steps, &seen.broke, &result)
			      : pg_run(s->pg, &SQL_FILE_LOCK_TEST, params, PARAMS_MAX, &result);
	if (r == 0)
		r = check(s, scope, result, ret_at);
	if (r == 0) {
		seen.in_the_way = get_range(result, SEEN_OTHER, &seen.other);
		seen.lease_ms = pg_is_null(result, 0, SEEN_LEASE_MS) ? 0 : pg_number(result, 0, SEEN_LEASE_MS);
		*ret = seen;
	}
	pg_result_free(result);
	return r;
}

int docs_pg_lock_kept(struct docs_store *store, const struct docs_scope *scope, int64_t session, bool *ret)
{
	const struct docs_pg_question q = {&SQL_FILE_LOCK_KEPT, scope, {PG_P_I64(session)}, 1};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	*ret = pg_rows(result) > 0 && pg_number(result, 0, 0) != 0;
	pg_result_free(result);
	return 0;
}
