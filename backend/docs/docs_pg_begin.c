#include "backend/docs/docs_pg_private.h"

#include <stdlib.h>

/*
 * One round trip: BEGIN, the lock of the drive, the keys, the loads. What comes behind the lock has its snapshot after it, so it sees all that the one before us
 * committed. That the drive may turn out to be another's costs a few wasted look-ups.
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
	const struct pg_param params[] = {PG_P_I32(drive), pg_array_param(s->numbers[0]), pg_array_param(s->numbers[1])};
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

/* ret_results: DOCS_PG_FLUSH_MAX; freed by the caller as far as *ret_count. */
static int ask(struct docs_pg *s, uint32_t drive, const struct tree_wants *wants, struct pg_result **ret_results, size_t *ret_count)
{
	const struct pg_param id = PG_P_I32(drive);
	size_t count = AT_KEYS;

	int r = pg_pipeline_begin(s->pg);
	if (r < 0)
		return r;
	s->txn.open = true;
	r = pg_pipeline_add(s->pg, &PG_BEGIN, NULL, 0);
	if (r == 0)
		r = pg_pipeline_add(s->pg, &SQL_LOCK_DRIVE, &id, 1);
	if (r == 0 && has_keys(&s->txn, DOCS_KEY_SESSION))
		count++, r = queue_session_keys(s, drive);
	if (r == 0 && has_keys(&s->txn, DOCS_KEY_USER))
		count++, r = queue_user_keys(s);
	if (r == 0)
		r = docs_pg_load_queue(s, drive, wants, &count);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, ret_results);
	if (r == 0)
		*ret_count = count;
	return r;
}

static bool is_same_fingerprint(const struct docs_key *key, struct span fingerprint)
{
	return span_eq(span_of(key->fingerprint, sizeof(key->fingerprint)), fingerprint);
}

/* A key that came before in this transaction: the number that is next in its session, or whether the user's key is taken. */
static int64_t number_before(const struct docs_txn *t, size_t n, int64_t number)
{
	for (size_t i = 0; i < n; i++)
		if (t->keys[i].kind == DOCS_KEY_SESSION && t->keys[i].session == t->keys[n].session && t->seen[i].state == DOCS_NEW)
			number = t->keys[i].number;
	return number;
}

static bool is_taken_before(const struct docs_txn *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (t->keys[i].kind == DOCS_KEY_USER && t->keys[i].user == t->keys[n].user && span_eq(t->keys[i].key, t->keys[n].key))
			return true;
	return false;
}

static void see_session(struct docs_txn *t, size_t n, const struct pg_result *rows)
{
	enum { ID, USER, NUMBER, STATUS, FINGERPRINT, HEADERS, BODY };
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
	} else if (key->number != last || next != last + 1 || last == 0) {
		seen->state = DOCS_OUT_OF_ORDER;
	} else if (!is_same_fingerprint(key, pg_bytes(rows, row, FINGERPRINT))) {
		seen->state = DOCS_REUSED;
	} else {
		seen->state = DOCS_REPEAT;
		seen->answer = (struct docs_answer){(int)pg_number(rows, row, STATUS), pg_bytes(rows, row, HEADERS), pg_bytes(rows, row, BODY)};
	}
}

static void see_user(struct docs_txn *t, size_t n, const struct pg_result *rows)
{
	enum { USER, KEY, STATUS, FINGERPRINT, HEADERS, BODY, STALE };
	const struct docs_key *key = &t->keys[n];
	struct docs_seen *seen = &t->seen[n];
	int row = 0;

	while (row < pg_rows(rows) && (pg_number(rows, row, USER) != key->user || !span_eq(pg_bytes(rows, row, KEY), key->key)))
		row++;
	if (row == pg_rows(rows) || pg_number(rows, row, STALE)) {
		seen->state = is_taken_before(t, n) ? DOCS_OUT_OF_ORDER : DOCS_NEW;
		t->stale[n] = row < pg_rows(rows);
	} else if (!is_same_fingerprint(key, pg_bytes(rows, row, FINGERPRINT))) {
		seen->state = DOCS_REUSED;
	} else {
		seen->state = DOCS_REPEAT;
		seen->answer = (struct docs_answer){(int)pg_number(rows, row, STATUS), pg_bytes(rows, row, HEADERS), pg_bytes(rows, row, BODY)};
	}
}

/* A stranger's drive is no drive. Strangers among others are refused by the caller, one by one. */
static bool is_mine(const struct docs_txn *t, int64_t owner)
{
	for (size_t i = 0; i < t->key_count; i++)
		if (t->keys[i].user == 0 || t->keys[i].user == owner)
			return true;
	return t->key_count == 0;
}

/* Takes what came: results from AT_KEYS on; those of the keys stay with the transaction. */
static int take(struct docs_pg *s, struct pg_result **results, size_t *ret_first_load)
{
	struct docs_txn *t = &s->txn;
	size_t next = AT_KEYS;
	struct docs_drive drive;

	if (pg_rows(results[AT_LOCK]) == 0)
		return -ERR_NOT_FOUND;
	docs_pg_drive(results[AT_LOCK], 0, &drive);
	if (!is_mine(t, drive.row.owner))
		return -ERR_NOT_FOUND;
	t->drive = drive.row;
	for (size_t k = 0; k < 2; k++) {
		if (!has_keys(t, k == 0 ? DOCS_KEY_SESSION : DOCS_KEY_USER))
			continue;
		t->results[k] = results[next];
		results[next++] = NULL;
	}
	for (size_t i = 0; i < t->key_count; i++) {
		if (t->keys[i].kind == DOCS_KEY_SESSION)
			see_session(t, i, t->results[0]);
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
	*t = (struct docs_txn){0};
}

void docs_pg_txn_abort(struct docs_store *store)
{
	struct docs_pg *s = docs_pg_of(store);

	if (s->txn.open)
		(void)pg_pipeline_rollback(s->pg);
	docs_pg_txn_end(s);
}

/* budget: the signature is the seam's */
int docs_pg_txn_begin(struct docs_store *store, uint32_t drive, const struct docs_key *keys, size_t key_count, const struct tree_wants *wants, int64_t now_ns,
	struct tree **ret_tree, const struct docs_seen **ret_seen)
{
	struct pg_result *results[DOCS_PG_FLUSH_MAX] = {NULL};
	struct docs_pg *s = docs_pg_of(store);
	size_t count = 0, first_load = 0;
	struct tree *tree = NULL;

	docs_pg_txn_abort(store);
	int r = keep_keys(&s->txn, keys, key_count);
	if (r == 0)
		r = ask(s, drive, wants, results, &count);
	if (r == 0)
		r = take(s, results, &first_load);
	if (r == 0)
		r = tree_new(&s->txn.drive, now_ns, &tree);
	if (r == 0)
		r = docs_pg_load_take(&results[first_load], wants, tree);
	for (size_t i = 0; i < count; i++)
		pg_result_free(results[i]);
	if (r < 0) {
		tree_free(tree);
		return r;
	}
	*ret_tree = tree;
	*ret_seen = s->txn.seen;
	return 0;
}
