#include "backend/user/rows/user_mem.h"

#include "backend/user/rows/user_mem_internal.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The user store in memory. It does for the rules what PostgreSQL does, so that their tests need no database:
 * tables are arrays, a transaction is a copy of all tables that a rollback restores, and the uniqueness of a key
 * is checked by searching all rows.
 *
 * Two features make it a store for tests. An operation can be made to fail the n-th time it is called, a commit
 * also after it has taken effect, as when the connection breaks; and a function can be run just before an
 * operation, like a change by another instance. What a constraint of the database would refuse is refused here
 * with the same code.
 */

int user_mem_enter(struct user_store *s, const char *operation)
{
	struct user_mem *m = user_mem_from(s);

	if (m->before_operation && strcmp(m->before_operation, operation) == 0) {
		m->before_operation = NULL;
		m->before(s, m->before_cookie);
	}
	if (!m->fail_operation || strcmp(m->fail_operation, operation) != 0 || --m->fail_in > 0)
		return 0;
	m->fail_operation = NULL;
	return m->fail_error;
}

struct user_account *user_mem_account(struct user_store *s, uint64_t id)
{
	struct mem_state *st = &user_mem_from(s)->state;

	for (size_t i = 0; i < st->account_count; i++)
		if (st->accounts[i].id == id)
			return &st->accounts[i];
	return NULL;
}

static struct user_account *account_by_key(struct user_store *s, const char *name_key)
{
	struct mem_state *st = &user_mem_from(s)->state;

	for (size_t i = 0; i < st->account_count; i++)
		if (strcmp(st->accounts[i].name_key, name_key) == 0)
			return &st->accounts[i];
	return NULL;
}

static int op_begin(struct user_store *s)
{
	int r = user_mem_enter(s, "begin");

	if (r < 0)
		return r;
	assert(!user_mem_from(s)->in_transaction);
	user_mem_from(s)->saved = user_mem_from(s)->state;
	user_mem_from(s)->in_transaction = true;
	return 0;
}

static int op_commit(struct user_store *s)
{
	int r = user_mem_enter(s, "commit");

	assert(user_mem_from(s)->in_transaction);
	if (r == 0 || r == -ERR_UNKNOWN_OUTCOME)
		user_mem_from(s)->in_transaction = false;
	return r;
}

static void op_rollback(struct user_store *s)
{
	if (user_mem_from(s)->in_transaction)
		user_mem_from(s)->state = user_mem_from(s)->saved;
	user_mem_from(s)->in_transaction = false;
}

static int op_account_insert(struct user_store *s, const struct user_account *a, uint64_t *ret_id)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "account_insert");

	if (r < 0)
		return r;
	if (account_by_key(s, a->name_key))
		return -EEXIST;
	if (st->account_count == USER_MEM_ROWS)
		return -ENOSPC;
	st->accounts[st->account_count] = *a;
	st->accounts[st->account_count++].id = ++st->next_id;
	*ret_id = st->next_id;
	return 0;
}

static int op_account_get(struct user_store *s, uint64_t id, bool lock, struct user_account *ret)
{
	int r = user_mem_enter(s, "account_get");
	const struct user_account *a = user_mem_account(s, id);

	assert(!lock || user_mem_from(s)->in_transaction);
	if (r == 0 && !a)
		r = -ENOENT;
	if (r == 0)
		*ret = *a;
	return r;
}

static int op_account_find(struct user_store *s, const char *key, const char *before, struct user_account *ret)
{
	int r = user_mem_enter(s, "account_find");
	const struct user_account *a = account_by_key(s, before);

	a = a ? a : account_by_key(s, key);

	if (r == 0 && !a)
		r = -ENOENT;
	if (r == 0)
		*ret = *a;
	return r;
}

/* Rows are in the order of ids: rows are only added at the end. */
static int op_account_list(
	struct user_store *s, const struct user_page *page, struct user_account *ret, size_t *ret_count)
{
	const struct mem_state *st = &user_mem_from(s)->state;
	size_t count = 0;
	int r = user_mem_enter(s, "account_list");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->account_count && count < page->limit; i++)
		if (st->accounts[i].id > page->after)
			ret[count++] = st->accounts[i];
	*ret_count = count;
	return 0;
}

static int op_account_unfolded(struct user_store *s, size_t limit, struct user_account *ret, size_t *ret_count)
{
	const struct mem_state *st = &user_mem_from(s)->state;
	size_t count = 0;
	int r = user_mem_enter(s, "account_unfolded");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->account_count && count < limit; i++)
		if (st->accounts[i].unfolded)
			ret[count++] = st->accounts[i];
	*ret_count = count;
	return 0;
}

/* Finds the row that is to get this key. -ENOENT; -EEXIST: another row has the key. */
static int row_for_key(struct user_store *s, uint64_t id, const char *name_key, struct user_account **ret)
{
	const struct user_account *named = account_by_key(s, name_key);

	*ret = user_mem_account(s, id);
	if (!*ret)
		return -ENOENT;
	return named && named != *ret ? -EEXIST : 0;
}

static int op_account_set_name_key(struct user_store *s, uint64_t id, const char *name_key)
{
	struct user_account *row;
	int r = user_mem_enter(s, "account_set_name_key");

	if (r < 0)
		return r;
	r = row_for_key(s, id, name_key, &row);
	if (r < 0)
		return r;
	snprintf(row->name_key, sizeof(row->name_key), "%s", name_key);
	row->unfolded = false;
	return 0;
}

static int op_account_update(struct user_store *s, const struct user_account *a)
{
	struct user_account *row;
	int r = user_mem_enter(s, "account_update");

	if (r < 0)
		return r;
	r = row_for_key(s, a->id, a->name_key, &row);
	if (r < 0)
		return r;
	*row = *a;
	return 0;
}

static void drop_tokens(struct mem_state *st, uint64_t account_id, enum user_token_kind kind, uint64_t except_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < st->token_count; i++) {
		const struct user_token *t = &st->tokens[i];
		const bool stays = t->account_id != account_id || t->kind != kind || t->id == except_id;

		if (stays)
			st->tokens[kept++] = *t;
	}
	st->token_count = kept;
}

static int op_account_delete(struct user_store *s, uint64_t id, int64_t now_ns)
{
	struct mem_state *st = &user_mem_from(s)->state;
	struct user_account *a = user_mem_account(s, id);
	int r = user_mem_enter(s, "account_delete");

	if (r < 0)
		return r;
	if (!a)
		return -ENOENT;
	if (st->deletion_count == USER_MEM_ROWS)
		return -ENOSPC;
	memmove(a, a + 1, (size_t)(&st->accounts[st->account_count] - (a + 1)) * sizeof(*a));
	st->account_count--;
	drop_tokens(st, id, USER_SESSION, 0);
	drop_tokens(st, id, USER_KEY, 0);
	st->deletions[st->deletion_count] = (struct user_deletion){st->deletion_count + 1, id, now_ns};
	st->deletion_count++;
	return 0;
}

static int op_admins_lock(struct user_store *s, uint64_t but_id, bool *ret_others)
{
	const struct mem_state *st = &user_mem_from(s)->state;
	bool others = false;
	int r = user_mem_enter(s, "admins_lock");

	assert(user_mem_from(s)->in_transaction);
	for (size_t i = 0; i < st->account_count; i++)
		others = others || (st->accounts[i].admin && st->accounts[i].id != but_id);
	if (r == 0)
		*ret_others = others;
	return r;
}

static int op_accounts_lock(struct user_store *s, bool *ret_any)
{
	int r = user_mem_enter(s, "accounts_lock");

	assert(user_mem_from(s)->in_transaction);
	if (r == 0)
		*ret_any = user_mem_from(s)->state.account_count > 0;
	return r;
}

static int op_token_insert(struct user_store *s, const struct user_token *t, uint64_t *ret_id)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "token_insert");

	if (r < 0)
		return r;
	if (!user_mem_account(s, t->account_id))
		return -ENOENT;
	if (st->token_count == USER_MEM_ROWS)
		return -ENOSPC;
	st->tokens[st->token_count] = *t;
	st->tokens[st->token_count++].id = ++st->next_id;
	*ret_id = st->next_id;
	return 0;
}

static int op_token_find(struct user_store *s, enum user_token_kind kind, const uint8_t hash[SHA256_BYTES],
	int64_t now_ns, struct user_login *ret)
{
	const struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "token_find");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->token_count; i++) {
		const struct user_token *t = &st->tokens[i];
		const struct user_account *a = user_mem_account(s, t->account_id);

		if (t->kind != kind || memcmp(t->hash, hash, SHA256_BYTES) != 0 || !a)
			continue;
		if (kind == USER_SESSION && t->expires_ns <= now_ns)
			continue;
		ret->token = *t;
		ret->account = *a;
		return 0;
	}
	return -ENOENT;
}

static int op_token_use(struct user_store *s, const struct user_token *t)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "token_use");

	for (size_t i = 0; r == 0 && i < st->token_count; i++) {
		if (st->tokens[i].kind != t->kind || st->tokens[i].id != t->id)
			continue;
		st->tokens[i].used_ns = t->used_ns;
		st->tokens[i].expires_ns = t->expires_ns;
	}
	return r;
}

static int op_token_delete(struct user_store *s, enum user_token_kind kind, uint64_t account_id, uint64_t id)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "token_delete");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->token_count; i++) {
		const struct user_token *t = &st->tokens[i];

		if (t->kind != kind || t->account_id != account_id || t->id != id)
			continue;
		memmove(&st->tokens[i], &st->tokens[i + 1], (st->token_count - i - 1) * sizeof(*t));
		st->token_count--;
		return 0;
	}
	return -ENOENT;
}

static int op_sessions_delete(struct user_store *s, uint64_t account_id, uint64_t except_id)
{
	int r = user_mem_enter(s, "sessions_delete");

	if (r == 0)
		drop_tokens(&user_mem_from(s)->state, account_id, USER_SESSION, except_id);
	return r;
}

static int op_keys_delete(struct user_store *s, uint64_t account_id, uint64_t except_id)
{
	int r = user_mem_enter(s, "keys_delete");

	if (r == 0)
		drop_tokens(&user_mem_from(s)->state, account_id, USER_KEY, except_id);
	return r;
}

static int op_sessions_trim(struct user_store *s, uint64_t account_id, size_t keep)
{
	struct mem_state *st = &user_mem_from(s)->state;
	size_t count = 0;
	int r = user_mem_enter(s, "sessions_trim");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->token_count; i++)
		count += st->tokens[i].kind == USER_SESSION && st->tokens[i].account_id == account_id;
	for (size_t i = 0; i < st->token_count && count > keep;) {
		if (st->tokens[i].kind == USER_SESSION && st->tokens[i].account_id == account_id) {
			(void)op_token_delete(s, USER_SESSION, account_id, st->tokens[i].id);
			count--;
		} else {
			i++;
		}
	}
	return 0;
}

static int op_key_list(struct user_store *s, uint64_t account_id, const struct user_page *page, struct user_token *ret,
	size_t *ret_count)
{
	const struct mem_state *st = &user_mem_from(s)->state;
	size_t count = 0;
	int r = user_mem_enter(s, "key_list");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->token_count && count < page->limit; i++) {
		const struct user_token *t = &st->tokens[i];

		if (t->kind == USER_KEY && t->account_id == account_id && t->id > page->after)
			ret[count++] = *t;
	}
	*ret_count = count;
	return 0;
}

static int op_key_count(struct user_store *s, uint64_t account_id, size_t *ret)
{
	struct user_token keys[USER_MEM_ROWS];
	int r = user_mem_enter(s, "key_count");

	return r < 0 ? r : op_key_list(s, account_id, &(struct user_page){0, USER_MEM_ROWS}, keys, ret);
}

static int op_setup_put(struct user_store *s, const uint8_t hash[SHA256_BYTES], int64_t now_ns)
{
	int r = user_mem_enter(s, "setup_put");

	(void)now_ns;
	if (r < 0)
		return r;
	memcpy(user_mem_from(s)->state.setup, hash, SHA256_BYTES);
	user_mem_from(s)->state.has_setup = true;
	return 0;
}

static int op_setup_find(struct user_store *s, const uint8_t hash[SHA256_BYTES])
{
	const struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "setup_find");

	if (r == 0 && (!st->has_setup || memcmp(st->setup, hash, SHA256_BYTES) != 0))
		r = -ENOENT;
	return r;
}

static int op_setup_take(struct user_store *s, const uint8_t hash[SHA256_BYTES])
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "setup_take");

	if (r < 0)
		return r;
	if (!st->has_setup || memcmp(st->setup, hash, SHA256_BYTES) != 0)
		return -ENOENT;
	st->has_setup = false;
	return 0;
}

static int op_deletion_list(
	struct user_store *s, uint64_t since, size_t limit, struct user_deletion *ret, size_t *ret_count)
{
	const struct mem_state *st = &user_mem_from(s)->state;
	size_t count = 0;
	int r = user_mem_enter(s, "deletion_list");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->deletion_count && count < limit; i++)
		if (st->deletions[i].seq > since)
			ret[count++] = st->deletions[i];
	*ret_count = count;
	return 0;
}

static struct mem_answer *answer_by_key(struct user_store *s, uint64_t account_id, const char *key)
{
	struct mem_state *st = &user_mem_from(s)->state;

	for (size_t i = 0; i < st->answer_count; i++)
		if (st->answers[i].account_id == account_id && strcmp(st->answers[i].key, key) == 0)
			return &st->answers[i];
	return NULL;
}

static int op_answer_get(
	struct user_store *s, uint64_t account_id, const char *key, int64_t oldest_ns, struct user_answer *ret)
{
	int r = user_mem_enter(s, "answer_get");
	const struct mem_answer *a = answer_by_key(s, account_id, key);

	if (r < 0)
		return r;
	if (!a || a->created_ns < oldest_ns)
		return -ENOENT;
	memcpy(ret->request, a->request, SHA256_BYTES);
	ret->status = a->status;
	ret->sealed = span_of(a->sealed, a->size);
	return 0;
}

static int op_answer_put(
	struct user_store *s, uint64_t account_id, const char *key, int64_t now_ns, const struct user_answer *a)
{
	struct mem_state *st = &user_mem_from(s)->state;
	struct mem_answer *row = answer_by_key(s, account_id, key);
	int r = user_mem_enter(s, "answer_put");

	if (r < 0)
		return r;
	if (row && row->created_ns >= now_ns - USER_ANSWER_NS)
		return -EEXIST;
	if ((!row && st->answer_count == USER_MEM_ROWS) || a->sealed.size > SEALED_MAX)
		return -ENOSPC;
	if (!row)
		row = &st->answers[st->answer_count++];
	row->account_id = account_id;
	snprintf(row->key, sizeof(row->key), "%s", key);
	row->created_ns = now_ns;
	memcpy(row->request, a->request, SHA256_BYTES);
	row->status = a->status;
	row->size = a->sealed.size;
	memcpy(row->sealed, a->sealed.data, a->sealed.size);
	return 0;
}

static int op_forget_old(struct user_store *s, int64_t now_ns, int64_t oldest_answer_ns)
{
	struct mem_state *st = &user_mem_from(s)->state;
	size_t tokens = 0, answers = 0;
	int r = user_mem_enter(s, "forget_old");

	if (r < 0)
		return r;
	for (size_t i = 0; i < st->token_count; i++)
		if (st->tokens[i].kind == USER_KEY || st->tokens[i].expires_ns > now_ns)
			st->tokens[tokens++] = st->tokens[i];
	for (size_t i = 0; i < st->answer_count; i++)
		if (st->answers[i].created_ns >= oldest_answer_ns)
			st->answers[answers++] = st->answers[i];
	st->token_count = tokens;
	st->answer_count = answers;
	return 0;
}

static size_t count_newer(const struct mem_state *st, const struct mem_answer *than)
{
	size_t count = 0;

	for (size_t i = 0; i < st->answer_count; i++)
		count += st->answers[i].account_id == than->account_id && st->answers[i].created_ns > than->created_ns;
	return count;
}

static int op_answers_trim(struct user_store *s, size_t keep, int64_t young_ns)
{
	struct mem_state *st = &user_mem_from(s)->state;
	int r = user_mem_enter(s, "answers_trim");

	if (r < 0)
		return r;
	/* The last answer of the list takes the place of a removed one, and is checked there. */
	for (size_t i = 0; i < st->answer_count;) {
		const struct mem_answer *a = &st->answers[i];

		if (a->account_id == 0 || a->created_ns >= young_ns || count_newer(st, a) < keep)
			i++;
		else
			st->answers[i] = st->answers[--st->answer_count];
	}
	return 0;
}

static void op_free(struct user_store *s)
{
	free(s);
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
	.guess_look = user_mem_guess_look,
	.guess_failed = user_mem_guess_failed,
	.guess_forget = user_mem_guess_forget,
	.network_know = user_mem_network_know,
	.guesses_trim = user_mem_guesses_trim,
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

int user_mem_new(struct user_store **ret)
{
	struct user_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->base.ops = &OPS;
	*ret = &m->base;
	return 0;
}

void user_mem_fail(struct user_store *s, const char *operation, unsigned n, int error)
{
	user_mem_from(s)->fail_operation = operation;
	user_mem_from(s)->fail_in = n;
	user_mem_from(s)->fail_error = error;
}

void user_mem_before(
	struct user_store *s, const char *operation, void (*fn)(struct user_store *s, void *cookie), void *cookie)
{
	user_mem_from(s)->before_operation = operation;
	user_mem_from(s)->before = fn;
	user_mem_from(s)->before_cookie = cookie;
}

bool user_mem_in_transaction(const struct user_store *s)
{
	return ((const struct user_mem *)s)->in_transaction;
}
