#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <stdlib.h>

/*
 * A transaction begins in one round trip: BEGIN, the lock of the drive, the keys, the loads. For a single batch
 * of a session, which is what mounts send, one statement locks the drive's row and the session's row. When it
 * finds nothing (no such drive, or no such session), the begin is repeated with two statements. The statements
 * behind the lock take their snapshots after it, so they see all that the previous transaction committed. When
 * the drive turns out to be another user's, a few look-ups were wasted.
 */

enum { AT_BEGIN, AT_LOCK, AT_KEYS };

static int queue_session_keys(struct docs_pg *s, uint32_t drive)
{
	const struct docs_txn *t = &s->txn;
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < t->key_count; i++) {
		if (t->keys[i].kind != DOCS_KEY_SESSION)
			continue;
		r = pg_array_add_number(s->numbers[0], t->keys[i].session);
		if (r == 0)
			r = pg_array_add_number(s->numbers[1], t->keys[i].number);
	}
	if (r < 0)
		return r;
	const struct pg_param params[] = {
		PG_P_I32(drive), pg_array_param(s->numbers[0]), pg_array_param(s->numbers[1])};
	return pg_pipeline_add(s->pg, &SQL_SESSION_KEYS, params, 3);
}

static int queue_user_keys(struct docs_pg *s)
{
	const struct docs_txn *t = &s->txn;
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < t->key_count; i++) {
		if (t->keys[i].kind != DOCS_KEY_USER)
			continue;
		r = pg_array_add_number(s->numbers[0], t->keys[i].user);
		if (r == 0)
			r = pg_array_add_bytes(s->bytes[0], t->keys[i].key);
	}
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0])};
	return pg_pipeline_add(s->pg, &SQL_USER_KEYS, params, 2);
}

static bool has_keys(const struct docs_txn *t, int kind)
{
	for (size_t i = 0; i < t->key_count; i++)
		if ((int)t->keys[i].kind == kind)
			return true;
	return false;
}

/* The results of a begin; results has room for DOCS_PG_FLUSH_MAX. The caller frees the first count results. */
struct asked {
	struct pg_result *results[DOCS_PG_FLUSH_MAX];
	size_t count;
	bool both; /* one statement locks the drive together with its only session */
};

static int ask(struct docs_pg *s, uint32_t drive, const struct tree_wants *wants, struct asked *ret)
{
	const struct docs_key *key = s->txn.keys;
	const struct pg_param params[] = {
		PG_P_I32(drive), PG_P_I64(ret->both ? key->session : 0), PG_P_I64(ret->both ? key->number : 0)};
	size_t count = AT_KEYS;

	int r = pg_pipeline_begin(s->pg);
	if (r < 0)
		return r;
	s->txn.open = true;
	r = pg_pipeline_add(s->pg, &PG_BEGIN, NULL, 0);
	if (r == 0)
		r = ret->both ? pg_pipeline_add(s->pg, &SQL_LOCK_BOTH, params, 3)
			      : pg_pipeline_add(s->pg, &SQL_LOCK_DRIVE, params, 1);
	if (r == 0 && !ret->both && has_keys(&s->txn, DOCS_KEY_SESSION))
		count++, r = queue_session_keys(s, drive);
	if (r == 0 && has_keys(&s->txn, DOCS_KEY_USER))
		count++, r = queue_user_keys(s);
	if (r == 0)
		r = docs_pg_load_queue(s, drive, wants, &count);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, ret->results);
	if (r == 0)
		ret->count = count;
	return r;
}

static void asked_fini(struct asked *a)
{
	for (size_t i = 0; i < a->count; i++)
		pg_result_free(a->results[i]);
	*a = (struct asked){.both = false};
}

static int lock(struct docs_pg *s, uint32_t drive, const struct tree_wants *wants, struct asked *ret)
{
	ret->both = s->txn.key_count == 1 && s->txn.keys->kind == DOCS_KEY_SESSION;
	int r = ask(s, drive, wants, ret);
	if (r < 0 || !ret->both || pg_rows(ret->results[AT_LOCK]) > 0)
		return r;
	asked_fini(ret);
	r = pg_pipeline_rollback(s->pg);
	return r < 0 ? r : ask(s, drive, wants, ret);
}

static bool is_same_fingerprint(const struct docs_key *key, struct span fingerprint)
{
	return span_eq(span_of(key->fingerprint, sizeof(key->fingerprint)), fingerprint);
}

/* Earlier keys of the same transaction count, too. number_before: the last number of the session, given its
 * number in the row. is_taken_before: whether an earlier key is the same key of the same user. */
static int64_t number_before(const struct docs_txn *t, size_t n, int64_t number)
{
	for (size_t i = 0; i < n; i++)
		if (t->keys[i].kind == DOCS_KEY_SESSION && t->keys[i].session == t->keys[n].session &&
			t->seen[i].state == DOCS_NEW)
			number = t->keys[i].number;
	return number;
}

static bool is_taken_before(const struct docs_txn *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (t->keys[i].kind == DOCS_KEY_USER && t->keys[i].user == t->keys[n].user &&
			span_eq(t->keys[i].key, t->keys[n].key))
			return true;
	return false;
}

/* column: the first of the columns of SQL_SESSION_KEYS. */
static void see_session(struct docs_txn *t, size_t n, const struct pg_result *rows, int column)
{
	const int ID = column, USER = column + 1, NUMBER = column + 2, STATUS = column + 3, FINGERPRINT = column + 4,
		  HEADERS = column + 5, BODY = column + 6, BEGAN = column + 7;
	const struct docs_key *key = &t->keys[n];
	struct docs_seen *seen = &t->seen[n];
	int row = 0;

	while (row < pg_rows(rows) && pg_number(rows, row, ID) != key->session)
		row++;
	if (row == pg_rows(rows) || pg_number(rows, row, USER) != key->user) {
		seen->state = DOCS_SESSION_GONE;
		return;
	}
	const int64_t last = pg_number(rows, row, NUMBER), next = number_before(t, n, last) + 1;
	if (key->number == next) {
		seen->state = DOCS_NEW;
		seen->began = pg_number(rows, row, BEGAN);
	} else if (key->number != last || next != last + 1 || last == 0) {
		seen->state = DOCS_OUT_OF_ORDER;
	} else if (!is_same_fingerprint(key, pg_bytes(rows, row, FINGERPRINT))) {
		seen->state = DOCS_REUSED;
	} else {
		seen->state = DOCS_REPEAT;
		seen->answer = (struct docs_answer){
			(int)pg_number(rows, row, STATUS), pg_bytes(rows, row, HEADERS), pg_bytes(rows, row, BODY)};
	}
}

static void see_user(struct docs_txn *t, size_t n, const struct pg_result *rows)
{
	enum { USER, KEY, STATUS, FINGERPRINT, HEADERS, BODY, STALE };
	const struct docs_key *key = &t->keys[n];
	struct docs_seen *seen = &t->seen[n];
	int row = 0;

	while (row < pg_rows(rows) &&
		(pg_number(rows, row, USER) != key->user || !span_eq(pg_bytes(rows, row, KEY), key->key)))
		row++;
	if (row == pg_rows(rows) || pg_number(rows, row, STALE)) {
		seen->state = is_taken_before(t, n) ? DOCS_OUT_OF_ORDER : DOCS_NEW;
		t->stale[n] = row < pg_rows(rows);
	} else if (!is_same_fingerprint(key, pg_bytes(rows, row, FINGERPRINT))) {
		seen->state = DOCS_REUSED;
	} else {
		seen->state = DOCS_REPEAT;
		seen->answer = (struct docs_answer){
			(int)pg_number(rows, row, STATUS), pg_bytes(rows, row, HEADERS), pg_bytes(rows, row, BODY)};
	}
}

/* Whether any of the callers owns the drive; to others it does not exist. If only some of them own it, commit.c
 * refuses the others one by one. */
static bool is_mine(const struct docs_txn *t, int64_t owner)
{
	for (size_t i = 0; i < t->key_count; i++)
		if (t->keys[i].user == 0 || t->keys[i].user == owner)
			return true;
	return t->key_count == 0;
}

/* Why there is no such drive. For several keys it is only -ERR_NOT_FOUND: the caller then repeats each request
 * alone, and each gets its own reason. */
static int no_drive(struct docs_pg *s, uint32_t drive)
{
	const struct docs_scope scope = {.user = s->txn.key_count > 0 ? s->txn.keys->user : 0, .drive = drive};

	return s->txn.key_count > 1 ? -ERR_NOT_FOUND : docs_pg_no_drive(s, &scope);
}

/* Takes the results; those of the keys stay with the transaction. */
static int take(struct docs_pg *s, uint32_t id, struct asked *a, size_t *ret_first_load)
{
	struct docs_txn *t = &s->txn;
	size_t next = AT_KEYS;
	struct docs_drive drive;

	if (pg_rows(a->results[AT_LOCK]) == 0)
		return no_drive(s, id);
	docs_pg_drive(a->results[AT_LOCK], 0, &drive);
	if (!is_mine(t, drive.row.owner))
		return -ERR_NOT_FOUND;
	t->drive = drive.row;
	if (t->cached)
		drive_cache_found(t->cached, &t->drive);
	for (size_t k = 0; k < 2; k++) {
		const size_t at = k == 0 && a->both ? AT_LOCK : next;

		if (!has_keys(t, k == 0 ? DOCS_KEY_SESSION : DOCS_KEY_USER))
			continue;
		t->results[k] = a->results[at];
		a->results[at] = NULL;
		next += at == next;
	}
	for (size_t i = 0; i < t->key_count; i++) {
		if (t->keys[i].kind == DOCS_KEY_SESSION)
			see_session(t, i, t->results[0], a->both ? DRIVE_COLUMNS : 0);
		else if (t->keys[i].kind == DOCS_KEY_USER)
			see_user(t, i, t->results[1]);
	}
	*ret_first_load = next;
	return 0;
}

static int keep_keys(struct docs_txn *t, const struct docs_key *keys, size_t count)
{
	if (count == 0)
		return 0;
	t->keys = malloc(count * sizeof(*t->keys));
	t->seen = calloc(count, sizeof(*t->seen));
	t->stale = calloc(count, sizeof(*t->stale));
	if (!t->keys || !t->seen || !t->stale)
		return -ENOMEM;
	memcpy(t->keys, keys, count * sizeof(*t->keys));
	t->key_count = count;
	return 0;
}

void docs_pg_txn_end(struct docs_pg *s)
{
	struct docs_txn *t = &s->txn;

	free(t->keys);
	free(t->seen);
	free(t->stale);
	pg_result_free(t->results[0]);
	pg_result_free(t->results[1]);
	drive_cache_give(s->cache, t->cached);
	*t = (struct docs_txn){0};
}

void docs_pg_txn_abort(struct docs_store *store)
{
	struct docs_pg *s = docs_pg_of(store);

	if (s->txn.open)
		(void)pg_pipeline_rollback(s->pg);
	if (s->txn.cached)
		drive_cache_doubt(s->txn.cached);
	docs_pg_txn_end(s);
}

/* budget: the signature is that of docs_store.h */
int docs_pg_txn_begin(struct docs_store *store, uint32_t drive, const struct docs_key *keys, size_t key_count,
	const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree, const struct docs_seen **ret_seen)
{
	struct docs_pg *s = docs_pg_of(store);
	struct asked asked = {.count = 0};
	struct tree *tree = NULL;
	size_t first_load = 0;

	docs_pg_txn_abort(store);
	int r = keep_keys(&s->txn, keys, key_count);
	if (r == 0 && docs_pg_guess(s, drive, wants, now_ns, &tree))
		goto begun;
	if (r == 0)
		r = lock(s, drive, wants, &asked);
	if (r == 0)
		r = take(s, drive, &asked, &first_load);
	if (r == 0)
		r = tree_new(&s->txn.drive, now_ns, &tree);
	if (r == 0)
		r = docs_pg_load_take(&asked.results[first_load], wants, tree, s->txn.cached);
	asked_fini(&asked);
	if (r < 0) {
		tree_free(tree);
		if (s->txn.cached)
			drive_cache_forget(s->txn.cached);
		return r;
	}
begun:
	*ret_tree = tree;
	*ret_seen = s->txn.seen;
	return 0;
}
