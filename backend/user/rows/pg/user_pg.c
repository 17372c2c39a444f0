#include "backend/user/rows/pg/user_pg.h"

#include "backend/user/rows/pg/user_sql.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The user store in PostgreSQL: each operation of user_store.h runs prepared statements of user_sql, most of them
 * one, with parameters, and turns their rows into structs. There are no rules here.
 *
 * Refusals by the database become the store's codes: a duplicate key is -EEXIST, a row that refers to nothing is
 * -ENOENT, and a change that touches no row is -ENOENT, too. Bytes that an operation lends (answer_get) are part
 * of the result, which is kept until the next operation.
 */

struct user_pg {
	struct user_store base; /* first: cast from struct user_store */
	struct pg *pg;
	struct pg_result *kept; /* of answer_get, which lends bytes */
};

static struct user_pg *from(struct user_store *s)
{
	return (struct user_pg *)s;
}

static struct pg_param text_or_null(const char *text)
{
	struct span bytes = span_str(text);

	return bytes.size ? PG_P_TEXT(bytes) : PG_P_NULL;
}

static struct pg_param hash_param(const uint8_t hash[SHA256_BYTES])
{
	return PG_P_BYTEA(span_of(hash, SHA256_BYTES));
}

/* Runs a statement. Violated constraints become codes of the store: -EEXIST for a duplicate, -ENOENT for a row
 * that refers to nothing. */
static int run(struct user_store *s, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret)
{
	struct user_pg *p = from(s);

	pg_result_free(p->kept);
	p->kept = NULL;
	int r = pg_run(p->pg, statement, params, count, ret);
	if (r == -EIO && strcmp(pg_sqlstate(p->pg), "23505") == 0) /* unique_violation */
		return -EEXIST;
	if (r == -EIO && strcmp(pg_sqlstate(p->pg), "23503") == 0) /* foreign_key_violation */
		return -ENOENT;
	return r;
}

/* Runs a change; -ENOENT if it touches no row. */
static int change(
	struct user_store *s, const struct pg_statement *statement, const struct pg_param *params, size_t count)
{
	struct pg_result *result = NULL;

	int r = run(s, statement, params, count, &result);
	if (r == 0 && pg_touched(result) == 0)
		r = -ENOENT;
	pg_result_free(result);
	return r;
}

static int insert(struct user_store *s, const struct pg_statement *statement, const struct pg_param *params,
	size_t count, uint64_t *ret_id)
{
	struct pg_result *result = NULL;

	int r = run(s, statement, params, count, &result);
	if (r == 0)
		*ret_id = (uint64_t)pg_number(result, 0, 0);
	pg_result_free(result);
	return r;
}

static void copy_text(const struct pg_result *result, int row, int column, char *ret, size_t size)
{
	struct span s = pg_bytes(result, row, column);

	snprintf(ret, size, "%.*s", (int)s.size, s.data);
}

static void read_account(const struct pg_result *result, int row, int first, struct user_account *ret)
{
	struct user_account a = {.id = (uint64_t)pg_number(result, row, first)};

	copy_text(result, row, first + 1, a.name, sizeof(a.name));
	copy_text(result, row, first + 2, a.name_key, sizeof(a.name_key));
	copy_text(result, row, first + 3, a.email, sizeof(a.email));
	copy_text(result, row, first + 4, a.password, sizeof(a.password));
	a.admin = pg_number(result, row, first + 5) != 0;
	a.created_ns = pg_number(result, row, first + 6);
	a.unfolded = pg_number(result, row, first + 7) == 0;
	*ret = a;
}

static void read_token(const struct pg_result *result, int row, enum user_token_kind kind, struct user_token *ret)
{
	struct user_token t = {.kind = kind,
		.id = (uint64_t)pg_number(result, row, 0),
		.account_id = (uint64_t)pg_number(result, row, 1)};

	copy_text(result, row, 2, t.name, sizeof(t.name));
	t.created_ns = pg_number(result, row, 3);
	t.used_ns = pg_number(result, row, 4); /* NULL is 0 */
	t.expires_ns = pg_number(result, row, 5);
	*ret = t;
}

static int op_begin(struct user_store *s)
{
	return run(s, &PG_BEGIN, NULL, 0, NULL);
}

static int op_commit(struct user_store *s)
{
	return run(s, &PG_COMMIT, NULL, 0, NULL);
}

static void op_rollback(struct user_store *s)
{
	(void)pg_pipeline_rollback(from(s)->pg); /* closes the connection when the rollback fails */
}

static int op_account_insert(struct user_store *s, const struct user_account *a, uint64_t *ret_id)
{
	const struct pg_param params[] = {PG_P_TEXT(span_str(a->name)), PG_P_TEXT(span_str(a->name_key)),
		text_or_null(a->email), text_or_null(a->password), PG_P_BOOL(a->admin), PG_P_I64(a->created_ns),
		PG_P_BOOL(!a->unfolded)};

	return insert(s, &SQL_ACCOUNT_INSERT, params, 7, ret_id);
}

static int one_account(struct user_store *s, const struct pg_statement *statement, const struct pg_param *params,
	size_t count, struct user_account *ret)
{
	struct pg_result *result = NULL;

	int r = run(s, statement, params, count, &result);
	if (r == 0 && pg_rows(result) == 0)
		r = -ENOENT;
	if (r == 0)
		read_account(result, 0, 0, ret);
	pg_result_free(result);
	return r;
}

static int op_account_get(struct user_store *s, uint64_t id, bool lock, struct user_account *ret)
{
	const struct pg_param param = PG_P_I64(id);

	return one_account(s, lock ? &SQL_ACCOUNT_LOCK : &SQL_ACCOUNT_GET, &param, 1, ret);
}

static int op_account_find(struct user_store *s, const char *key, const char *before, struct user_account *ret)
{
	const struct pg_param params[] = {PG_P_TEXT(span_str(key)), PG_P_TEXT(span_str(before))};

	return one_account(s, &SQL_ACCOUNT_FIND, params, 2, ret);
}

/* Frees the result. */
static int read_accounts(struct pg_result *result, struct user_account *ret, size_t *ret_count)
{
	for (int row = 0; row < pg_rows(result); row++)
		read_account(result, row, 0, &ret[row]);
	*ret_count = (size_t)pg_rows(result);
	pg_result_free(result);
	return 0;
}

static int op_account_list(
	struct user_store *s, const struct user_page *page, struct user_account *ret, size_t *ret_count)
{
	const struct pg_param params[] = {PG_P_I64(page->after), PG_P_I64(page->limit)};
	struct pg_result *result = NULL;

	int r = run(s, &SQL_ACCOUNT_LIST, params, 2, &result);
	return r < 0 ? r : read_accounts(result, ret, ret_count);
}

static int op_account_unfolded(struct user_store *s, size_t limit, struct user_account *ret, size_t *ret_count)
{
	const struct pg_param param = PG_P_I64(limit);
	struct pg_result *result = NULL;

	int r = run(s, &SQL_ACCOUNT_UNFOLDED, &param, 1, &result);
	return r < 0 ? r : read_accounts(result, ret, ret_count);
}

static int op_account_set_name_key(struct user_store *s, uint64_t id, const char *name_key)
{
	const struct pg_param params[] = {PG_P_I64(id), PG_P_TEXT(span_str(name_key))};

	return change(s, &SQL_ACCOUNT_SET_NAME_KEY, params, 2);
}

static int op_account_update(struct user_store *s, const struct user_account *a)
{
	const struct pg_param params[] = {PG_P_I64(a->id), PG_P_TEXT(span_str(a->name)),
		PG_P_TEXT(span_str(a->name_key)), text_or_null(a->email), text_or_null(a->password),
		PG_P_BOOL(a->admin)};

	return change(s, &SQL_ACCOUNT_UPDATE, params, 6);
}

static int op_account_delete(struct user_store *s, uint64_t id, int64_t now_ns)
{
	const struct pg_param params[] = {PG_P_I64(id), PG_P_I64(now_ns)};
	int r = change(s, &SQL_ACCOUNT_DELETE, params, 1);

	return r == 0 ? change(s, &SQL_DELETION_INSERT, params, 2) : r;
}

static int op_guess_look(struct user_store *s, const struct user_guess_key *here, const struct user_guess_key *all,
	uint64_t account_id, struct user_guesses *ret)
{
	const struct pg_param params[] = {hash_param(here->name), PG_P_TEXT(span_str(here->network)),
		hash_param(all->name), PG_P_TEXT(span_str(all->network)), PG_P_I64(account_id)};
	struct pg_result *result = NULL;

	int r = run(s, &SQL_GUESS_LOOK, params, 5, &result);
	if (r == 0)
		*ret = (struct user_guesses){.here = {(unsigned)pg_number(result, 0, 0), pg_number(result, 0, 1)},
			.all = {(unsigned)pg_number(result, 0, 2), pg_number(result, 0, 3)},
			.known = pg_number(result, 0, 4) != 0,
			.known_ns = pg_number(result, 0, 4)}; /* NULL is 0 */
	pg_result_free(result);
	return r;
}

static int op_guess_failed(
	struct user_store *s, const struct user_guess_key *key, int64_t now_ns, const struct user_guess_delays *delays)
{
	const int64_t oldest_ns = now_ns - delays->memory_ns;
	struct pg_array *table = NULL;

	int r = pg_array_new(PG_I64, &table);
	for (size_t i = 0; r == 0 && i < delays->count; i++)
		r = pg_array_add_number(table, delays->delay_ns[i]);
	if (r == 0) {
		const struct pg_param params[] = {hash_param(key->name), PG_P_TEXT(span_str(key->network)),
			PG_P_I64(now_ns), pg_array_param(table), PG_P_I64(oldest_ns)};
		r = run(s, &SQL_GUESS_FAILED, params, 5, NULL);
	}
	pg_array_free(table);
	return r;
}

static int op_guess_forget(struct user_store *s, const struct user_guess_key *key)
{
	const struct pg_param params[] = {
		hash_param(key->name), key->network ? PG_P_TEXT(span_str(key->network)) : PG_P_NULL};

	return run(s, &SQL_GUESS_FORGET, params, 2, NULL);
}

static int op_network_know(struct user_store *s, uint64_t account_id, const char *network, int64_t now_ns, size_t keep)
{
	const struct pg_param params[] = {
		PG_P_I64(account_id), PG_P_TEXT(span_str(network)), PG_P_I64(now_ns), PG_P_I64(keep)};

	int r = run(s, &SQL_NETWORK_KNOW, params, 3, NULL);
	if (r == 0) {
		const struct pg_param trim[] = {params[0], params[3]};
		r = run(s, &SQL_NETWORKS_TRIM, trim, 2, NULL);
	}
	return r == -ENOENT ? 0 : r; /* the account is gone: the next step finds that out */
}

static int op_guesses_trim(struct user_store *s, int64_t oldest_ns, size_t keep, int64_t oldest_network_ns)
{
	const struct pg_param rows[] = {PG_P_I64(oldest_ns), PG_P_I64(keep)}, networks = PG_P_I64(oldest_network_ns);

	int r = run(s, &SQL_GUESSES_TRIM, rows, 2, NULL);
	return r == 0 ? run(s, &SQL_NETWORKS_FORGET, &networks, 1, NULL) : r;
}

static int op_admins_lock(struct user_store *s, uint64_t but_id, bool *ret_others)
{
	struct pg_result *result = NULL;
	bool others = false;

	int r = run(s, &SQL_ADMINS_LOCK, NULL, 0, &result);
	if (r < 0)
		return r;
	for (int row = 0; row < pg_rows(result); row++)
		others = others || (uint64_t)pg_number(result, row, 0) != but_id;
	pg_result_free(result);
	*ret_others = others;
	return 0;
}

static int op_accounts_lock(struct user_store *s, bool *ret_any)
{
	struct pg_result *result = NULL;

	int r = run(s, &SQL_ACCOUNTS_LOCK, NULL, 0, NULL);
	if (r == 0)
		r = run(s, &SQL_ACCOUNTS_ANY, NULL, 0, &result);
	if (r == 0)
		*ret_any = pg_number(result, 0, 0) != 0;
	pg_result_free(result);
	return r;
}

static int op_token_insert(struct user_store *s, const struct user_token *t, uint64_t *ret_id)
{
	const struct pg_param session[] = {PG_P_I64(t->account_id), hash_param(t->hash), PG_P_I64(t->created_ns),
		PG_P_I64(t->used_ns), PG_P_I64(t->expires_ns)};
	const struct pg_param key[] = {
		PG_P_I64(t->account_id), PG_P_TEXT(span_str(t->name)), hash_param(t->hash), PG_P_I64(t->created_ns)};

	if (t->kind == USER_SESSION)
		return insert(s, &SQL_SESSION_INSERT, session, 5, ret_id);
	return insert(s, &SQL_KEY_INSERT, key, 4, ret_id);
}

static int op_token_find(struct user_store *s, enum user_token_kind kind, const uint8_t hash[SHA256_BYTES],
	int64_t now_ns, struct user_login *ret)
{
	const struct pg_param params[] = {hash_param(hash), PG_P_I64(now_ns)};
	struct pg_result *result = NULL;

	int r = kind == USER_SESSION ? run(s, &SQL_SESSION_FIND, params, 2, &result)
				     : run(s, &SQL_KEY_FIND, params, 1, &result);
	if (r == 0 && pg_rows(result) == 0)
		r = -ENOENT;
	if (r == 0) {
		read_token(result, 0, kind, &ret->token);
		read_account(result, 0, 6, &ret->account);
	}
	pg_result_free(result);
	return r;
}

static int op_token_use(struct user_store *s, const struct user_token *t)
{
	const struct pg_param params[] = {PG_P_I64(t->id), PG_P_I64(t->used_ns), PG_P_I64(t->expires_ns)};

	if (t->kind == USER_SESSION)
		return run(s, &SQL_SESSION_USE, params, 3, NULL);
	return run(s, &SQL_KEY_USE, params, 2, NULL);
}

static int op_token_delete(struct user_store *s, enum user_token_kind kind, uint64_t account_id, uint64_t id)
{
	const struct pg_param params[] = {PG_P_I64(id), PG_P_I64(account_id)};

	return change(s, kind == USER_SESSION ? &SQL_SESSION_DELETE : &SQL_KEY_DELETE, params, 2);
}

static int op_sessions_delete(struct user_store *s, uint64_t account_id, uint64_t except_id)
{
	const struct pg_param params[] = {PG_P_I64(account_id), PG_P_I64(except_id)};

	return run(s, &SQL_SESSIONS_DELETE, params, 2, NULL);
}

static int op_keys_delete(struct user_store *s, uint64_t account_id, uint64_t except_id)
{
	const struct pg_param params[] = {PG_P_I64(account_id), PG_P_I64(except_id)};

	return run(s, &SQL_KEYS_DELETE, params, 2, NULL);
}

static int op_sessions_trim(struct user_store *s, uint64_t account_id, size_t keep)
{
	const struct pg_param params[] = {PG_P_I64(account_id), PG_P_I64(keep)};

	return run(s, &SQL_SESSIONS_TRIM, params, 2, NULL);
}

static int op_key_list(struct user_store *s, uint64_t account_id, const struct user_page *page, struct user_token *ret,
	size_t *ret_count)
{
	const struct pg_param params[] = {PG_P_I64(account_id), PG_P_I64(page->after), PG_P_I64(page->limit)};
	struct pg_result *result = NULL;

	int r = run(s, &SQL_KEY_LIST, params, 3, &result);
	if (r < 0)
		return r;
	for (int row = 0; row < pg_rows(result); row++)
		read_token(result, row, USER_KEY, &ret[row]);
	*ret_count = (size_t)pg_rows(result);
	pg_result_free(result);
	return 0;
}

static int op_key_count(struct user_store *s, uint64_t account_id, size_t *ret)
{
	const struct pg_param param = PG_P_I64(account_id);
	struct pg_result *result = NULL;

	int r = run(s, &SQL_KEY_COUNT, &param, 1, &result);
	if (r == 0)
		*ret = (size_t)pg_number(result, 0, 0);
	pg_result_free(result);
	return r;
}

static int op_setup_put(struct user_store *s, const uint8_t hash[SHA256_BYTES], int64_t now_ns)
{
	const struct pg_param params[] = {hash_param(hash), PG_P_I64(now_ns)};

	return run(s, &SQL_SETUP_PUT, params, 2, NULL);
}

static int op_setup_find(struct user_store *s, const uint8_t hash[SHA256_BYTES])
{
	const struct pg_param param = hash_param(hash);
	struct pg_result *result = NULL;

	int r = run(s, &SQL_SETUP_FIND, &param, 1, &result);
	if (r == 0 && pg_rows(result) == 0)
		r = -ENOENT;
	pg_result_free(result);
	return r;
}

static int op_setup_take(struct user_store *s, const uint8_t hash[SHA256_BYTES])
{
	const struct pg_param param = hash_param(hash);

	return change(s, &SQL_SETUP_TAKE, &param, 1);
}

static int op_deletion_list(
	struct user_store *s, uint64_t since, size_t limit, struct user_deletion *ret, size_t *ret_count)
{
	const struct pg_param params[] = {PG_P_I64(since), PG_P_I64(limit)};
	struct pg_result *result = NULL;

	int r = run(s, &SQL_DELETION_LIST, params, 2, &result);
	if (r < 0)
		return r;
	for (int row = 0; row < pg_rows(result); row++)
		ret[row] = (struct user_deletion){.seq = (uint64_t)pg_number(result, row, 0),
			.user_id = (uint64_t)pg_number(result, row, 1),
			.at_ns = pg_number(result, row, 2)};
	*ret_count = (size_t)pg_rows(result);
	pg_result_free(result);
	return 0;
}

static int op_answer_get(
	struct user_store *s, uint64_t account_id, const char *key, int64_t oldest_ns, struct user_answer *ret)
{
	const struct pg_param params[] = {PG_P_I64(account_id), PG_P_BYTEA(span_str(key)), PG_P_I64(oldest_ns)};
	struct pg_result *result = NULL;

	int r = run(s, &SQL_ANSWER_GET, params, 3, &result);
	if (r == 0 && (pg_rows(result) == 0 || pg_bytes(result, 0, 0).size != SHA256_BYTES))
		r = -ENOENT;
	if (r < 0) {
		pg_result_free(result);
		return r;
	}
	memcpy(ret->request, pg_bytes(result, 0, 0).data, SHA256_BYTES);
	ret->status = (int)pg_number(result, 0, 1);
	ret->sealed = pg_bytes(result, 0, 2);
	from(s)->kept = result;
	return 0;
}

static int op_answer_put(
	struct user_store *s, uint64_t account_id, const char *key, int64_t now_ns, const struct user_answer *a)
{
	const int64_t oldest_ns = now_ns - USER_ANSWER_NS;
	const struct pg_param params[] = {PG_P_I64(account_id), PG_P_BYTEA(span_str(key)), hash_param(a->request),
		PG_P_I32(a->status), PG_P_BYTEA(a->sealed), PG_P_I64(now_ns), PG_P_I64(oldest_ns)};
	int r = change(s, &SQL_ANSWER_PUT, params, 7);

	return r == -ENOENT ? -EEXIST : r;
}

static int op_forget_old(struct user_store *s, int64_t now_ns, int64_t oldest_answer_ns)
{
	const struct pg_param now = PG_P_I64(now_ns), oldest = PG_P_I64(oldest_answer_ns);

	int r = run(s, &SQL_SESSIONS_FORGET, &now, 1, NULL);
	return r == 0 ? run(s, &SQL_ANSWERS_FORGET, &oldest, 1, NULL) : r;
}

static int op_answers_trim(struct user_store *s, size_t keep, int64_t young_ns)
{
	const struct pg_param params[] = {PG_P_I64(keep), PG_P_I64(young_ns)};

	return run(s, &SQL_ANSWERS_TRIM, params, 2, NULL);
}

static void op_free(struct user_store *s)
{
	if (!s)
		return;
	pg_result_free(from(s)->kept);
	free(from(s));
}

static const struct user_store_ops OPS = {
	.begin = op_begin,
	.commit = op_commit,
	.rollback = op_rollback,
	.account_insert = op_account_insert,
	.account_get = op_account_get,
	.account_find = op_account_find,
	.account_list = op_account_list,
	.account_unfolded = op_account_unfolded,
	.account_set_name_key = op_account_set_name_key,
	.account_update = op_account_update,
	.account_delete = op_account_delete,
	.guess_look = op_guess_look,
	.guess_failed = op_guess_failed,
	.guess_forget = op_guess_forget,
	.network_know = op_network_know,
	.guesses_trim = op_guesses_trim,
	.admins_lock = op_admins_lock,
	.accounts_lock = op_accounts_lock,
	.token_insert = op_token_insert,
	.token_find = op_token_find,
	.token_use = op_token_use,
	.token_delete = op_token_delete,
	.sessions_delete = op_sessions_delete,
	.keys_delete = op_keys_delete,
	.sessions_trim = op_sessions_trim,
	.key_list = op_key_list,
	.key_count = op_key_count,
	.setup_put = op_setup_put,
	.setup_find = op_setup_find,
	.setup_take = op_setup_take,
	.deletion_list = op_deletion_list,
	.answer_get = op_answer_get,
	.answer_put = op_answer_put,
	.forget_old = op_forget_old,
	.answers_trim = op_answers_trim,
	.free = op_free,
};

int user_pg_new(struct pg *pg, struct user_store **ret)
{
	struct user_pg *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->base.ops = &OPS;
	p->pg = pg;
	*ret = &p->base;
	return 0;
}
