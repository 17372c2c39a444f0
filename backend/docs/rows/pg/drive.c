#include "backend/docs/rows/pg/docs_pg_internal.h"

/*
 * Rows of drives and of their owners' accounts: making, listing, changing, the trash, the accounts with their
 * limits, ranges of document ids, and the cursor up to which the deletions of users have been followed.
 *
 * Each function is one statement, or a few that do not depend on each other. Every statement checks that the
 * drive is the caller's ($1 is the drive, $2 its owner), so no function finds another user's drive.
 *
 * A user's first drive is made on first use (docs_pg_drive_home). When two requests race to do that, the
 * statement makes none for the second, which looks again. The name of the drive that a call returns is stored in
 * the store until its next call, because results are freed here.
 */

#define FOLLOWED "deleted-users" /* name of the cursor in table progress */

/* The drive in the result's first row; its name stays valid in the store until the next call. */
static void keep_drive(struct docs_pg *s, const struct pg_result *result, struct docs_drive *ret)
{
	struct docs_drive drive;

	docs_pg_drive(result, 0, &drive);
	if (drive.name.size > sizeof(s->drive_name))
		drive.name.size = sizeof(s->drive_name);
	memcpy(s->drive_name, drive.name.data, drive.name.size);
	drive.name.data = s->drive_name;
	*ret = drive;
}

/* 1: made; 0: not made, because another first drive of that owner was made meanwhile. */
static int make_drive(struct docs_pg *s, int64_t user, struct span name, int64_t quota, struct docs_drive *ret)
{
	const bool home = !name.data;
	const struct pg_param params[] = {
		PG_P_I64(user), PG_P_BYTEA(home ? SPAN_LITERAL("home") : name), PG_P_I64(quota), PG_P_BOOL(home)};
	struct pg_result *result = NULL;

	int r = docs_pg_run(s, &SQL_DRIVE_MAKE, params, 4, &result);
	if (r < 0)
		return r;
	r = pg_rows(result) > 0;
	if (r > 0)
		keep_drive(s, result, ret);
	pg_result_free(result);
	return r;
}

int docs_pg_drive_home(struct docs_store *store, int64_t user, struct docs_drive *ret)
{
	struct docs_pg *s = docs_pg_of(store);
	const struct pg_param owner = PG_P_I64(user);

	/* Three tries: when another request makes the drive at the same time, the next look finds it, unless
	 * that drive is in the trash again by then. */
	for (int i = 0; i < 3; i++) {
		struct pg_result *result = NULL;
		int r = docs_pg_run(s, &SQL_DRIVE_HOME, &owner, 1, &result);
		if (r < 0)
			return r;
		const bool found = pg_rows(result) > 0;
		if (found)
			keep_drive(s, result, ret);
		pg_result_free(result);
		if (found)
			return 0;
		r = make_drive(s, user, span_of(NULL, 0), 0, ret);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return -EDQUOT;
}

int docs_pg_drive_create(
	struct docs_store *store, int64_t user, struct span name, int64_t quota, struct docs_drive *ret)
{
	if (!name.data || name.size == 0 || name.size > NAME_BYTES_MAX)
		return -ERR_UNPROCESSABLE;
	for (int i = 0; i < 3; i++) {
		int r = make_drive(docs_pg_of(store), user, name, quota, ret);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return -EDQUOT;
}

int docs_pg_drive_get(struct docs_store *store, const struct docs_scope *scope, struct docs_drive *ret)
{
	const struct docs_pg_question q = {&SQL_DRIVE_GET, scope, {{PG_NULL}}, 0};
	struct docs_drive drive;
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0) {
		r = docs_pg_no_drive(docs_pg_of(store), scope);
	} else {
		keep_drive(docs_pg_of(store), result, &drive);
		drive.bare = pg_number(result, 0, DRIVE_BARE) != 0;
		r = docs_pg_check_floor(&scope->floor, &drive.at);
	}
	if (r == 0)
		*ret = drive;
	pg_result_free(result);
	return r;
}

/* budget: the callback and its cookie */
static int list_drives(
	struct docs_pg *s, const struct pg_statement *statement, int64_t user, docs_on_drive on_drive, void *cookie)
{
	const struct pg_param owner = PG_P_I64(user);
	struct pg_result *result = NULL;

	int r = docs_pg_run(s, statement, &owner, 1, &result);
	if (r < 0)
		return r;
	for (int row = 0; r >= 0 && row < pg_rows(result); row++) {
		struct docs_drive drive;

		docs_pg_drive(result, row, &drive);
		drive.bare = pg_number(result, row, DRIVE_BARE) != 0;
		if (statement == &SQL_DRIVE_TRASH_LIST)
			drive.trashed_at = pg_number(result, row, DRIVE_TRASHED_AT);
		r = on_drive(&drive, cookie);
	}
	pg_result_free(result);
	return r;
}

int docs_pg_drive_list(struct docs_store *store, int64_t user, docs_on_drive on_drive, void *cookie)
{
	return list_drives(docs_pg_of(store), &SQL_DRIVE_LIST, user, on_drive, cookie);
}

/* Runs a statement that touches the drive's row; when it touched none, there is no such drive. */
static int change_drive(struct docs_pg *s, const struct docs_pg_question *q)
{
	struct pg_result *result = NULL;

	int r = docs_pg_ask(s, q, &result);
	if (r < 0)
		return r;
	r = pg_touched(result) > 0 ? 0 : docs_pg_no_drive(s, q->scope);
	pg_result_free(result);
	return r;
}

int docs_pg_drive_change(
	struct docs_store *store, const struct docs_scope *scope, const struct span *name, const int64_t *quota)
{
	const struct docs_pg_question q = {&SQL_DRIVE_CHANGE, scope,
		{name ? PG_P_BYTEA(*name) : PG_P_NULL, quota ? PG_P_I64(*quota) : PG_P_NULL}, 2};

	if (name && (name->size == 0 || name->size > NAME_BYTES_MAX))
		return -ERR_UNPROCESSABLE;
	return change_drive(docs_pg_of(store), &q);
}

int docs_pg_no_drive(struct docs_pg *s, const struct docs_scope *scope)
{
	const struct docs_pg_question q = {&SQL_DRIVE_TRASHED, scope, {{PG_NULL}}, 0};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(s, &q, &result);
	if (r < 0)
		return r;
	r = pg_rows(result) > 0 ? -ERR_DRIVE_TRASHED : -ERR_NOT_FOUND;
	pg_result_free(result);
	return r;
}

int docs_pg_drive_trash(struct docs_store *store, const struct docs_scope *scope, const struct span *confirm)
{
	const struct docs_pg_question q = {&SQL_DRIVE_TRASH, scope, {confirm ? PG_P_BYTEA(*confirm) : PG_P_NULL}, 1};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	r = pg_rows(result) == 0 ? -ERR_NOT_FOUND : pg_number(result, 0, 0) ? 0 : -ERR_CONFIRM;
	pg_result_free(result);
	return r;
}

int docs_pg_drive_purge(struct docs_store *store, const struct docs_scope *scope, const struct span *confirm)
{
	enum { CONFIRMED, GONE };
	const struct docs_pg_question q = {&SQL_DRIVE_PURGE, scope, {confirm ? PG_P_BYTEA(*confirm) : PG_P_NULL}, 1};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0)
		r = -ERR_NOT_FOUND;
	else if (!pg_number(result, 0, CONFIRMED))
		r = -ERR_CONFIRM;
	else
		r = pg_number(result, 0, GONE) ? 0 : -ERR_NOT_FOUND; /* it was restored at the same moment */
	pg_result_free(result);
	return r;
}

int docs_pg_drive_trash_list(struct docs_store *store, int64_t user, docs_on_drive on_drive, void *cookie)
{
	return list_drives(docs_pg_of(store), &SQL_DRIVE_TRASH_LIST, user, on_drive, cookie);
}

int docs_pg_drive_restore(struct docs_store *store, const struct docs_scope *scope, bool *ret_replaced)
{
	const struct docs_pg_question q = {&SQL_DRIVE_RESTORE, scope, {{PG_NULL}}, 0};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	r = pg_rows(result) > 0 ? 0 : -ERR_NOT_FOUND;
	if (r == 0)
		*ret_replaced = pg_number(result, 0, 0) != 0;
	pg_result_free(result);
	return r;
}

int docs_pg_trash_user(struct docs_store *store, int64_t user)
{
	const struct pg_param owner = PG_P_I64(user);

	return pg_run(docs_pg_of(store)->pg, &SQL_TRASH_USER, &owner, 1, NULL);
}

int docs_pg_account_get(struct docs_store *store, int64_t user, struct docs_account *ret)
{
	enum { QUOTA, USED, BLOCKS, DEFAULT, DOCUMENTS, DOCUMENTS_MAX, EXTENTS, EXTENTS_MAX };
	const struct pg_param owner = PG_P_I64(user);
	struct pg_result *result = NULL;

	int r = docs_pg_run(docs_pg_of(store), &SQL_ACCOUNT_GET, &owner, 1, &result);
	if (r < 0)
		return r;
	*ret = (struct docs_account){.quota = pg_is_null(result, 0, QUOTA) ? -1 : pg_number(result, 0, QUOTA),
		.used = pg_number(result, 0, USED),
		.blocks = pg_number(result, 0, BLOCKS),
		.default_quota = pg_is_null(result, 0, DEFAULT) ? -1 : pg_number(result, 0, DEFAULT),
		.documents = pg_number(result, 0, DOCUMENTS),
		.documents_max = pg_number(result, 0, DOCUMENTS_MAX),
		.extents = pg_number(result, 0, EXTENTS),
		.extents_max = pg_number(result, 0, EXTENTS_MAX)};
	pg_result_free(result);
	return 0;
}

int docs_pg_account_set(struct docs_store *store, int64_t user, int64_t quota, int64_t documents)
{
	const struct pg_param params[] = {
		PG_P_I64(user), PG_P_I64(quota), documents < 0 ? PG_P_NULL : PG_P_I64(documents)};

	return quota < 0 ? docs_pg_run(docs_pg_of(store), &SQL_ACCOUNT_UNSET, params, 1, NULL)
			 : docs_pg_run(docs_pg_of(store), &SQL_ACCOUNT_SET, params, 3, NULL);
}

int docs_pg_user_cursor(struct docs_store *store, int64_t *ret_since)
{
	const struct pg_param name = PG_P_TEXT(SPAN_LITERAL(FOLLOWED));
	struct pg_result *result = NULL;

	int r = pg_run(docs_pg_of(store)->pg, &SQL_PROGRESS_GET, &name, 1, &result);
	if (r < 0)
		return r;
	*ret_since = pg_rows(result) > 0 ? pg_number(result, 0, 0) : 0;
	pg_result_free(result);
	return 0;
}

int docs_pg_user_cursor_set(struct docs_store *store, int64_t since)
{
	const struct pg_param params[] = {PG_P_TEXT(SPAN_LITERAL(FOLLOWED)), PG_P_I64(since)};

	return pg_run(docs_pg_of(store)->pg, &SQL_PROGRESS_SET, params, 2, NULL);
}

int docs_pg_ids_reserve(struct docs_store *store, const struct docs_scope *scope, uint32_t count, int64_t *ret_first)
{
	const struct docs_pg_question q = {&SQL_IDS_RESERVE, scope, {PG_P_I64(count)}, 1};
	struct docs_drive drive;
	struct pg_result *result = NULL;

	if (count == 0 || count > IDS_PER_RESERVATION_MAX)
		return -ERR_UNPROCESSABLE;
	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	const bool reserved = pg_rows(result) > 0;
	if (reserved)
		*ret_first = ITEM_ID(scope->drive, pg_number(result, 0, 0));
	pg_result_free(result);
	if (reserved)
		return 0;
	r = docs_pg_drive_get(store, scope, &drive);
	return r < 0 ? r : -ENOSPC; /* the drive exists, but its 2^32 numbers are used up */
}
