#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <stdlib.h>

/* Answers under users' keys, and repeats. Their rows are always written in the order of (user, key) and of
 * sessions: transactions of two drives may have keys in common, and different orders could deadlock. */

struct kept {
	const struct docs_key *key;
	const struct docs_answer *answer;
	/* KEPT_STALE: new, in place of an answer that is too old */
	enum { KEPT_NOT, KEPT_NEW, KEPT_STALE, KEPT_REPEAT } what;
};

static int compare_kept(const void *a, const void *b)
{
	const struct docs_key *x = ((const struct kept *)a)->key, *y = ((const struct kept *)b)->key;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind == DOCS_KEY_SESSION)
		return (x->session > y->session) - (x->session < y->session);
	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	const size_t both = x->key.size < y->key.size ? x->key.size : y->key.size;
	const int order = both ? memcmp(x->key.data, y->key.data, both) : 0;
	return order ? order : (x->key.size > y->key.size) - (x->key.size < y->key.size);
}

static int add_key(struct docs_pg *s, const struct kept *k)
{
	int r = pg_array_add_number(s->numbers[0], k->key->kind == DOCS_KEY_SESSION ? k->key->session : k->key->user);

	return r < 0 || k->key->kind == DOCS_KEY_SESSION ? r : pg_array_add_bytes(s->bytes[0], k->key->key);
}

/* Queues a statement whose only parameters are the keys of that kind and state. */
static int queue_keys(
	struct docs_pg *s, const struct kept *kept, int kind, int what, const struct pg_statement *statement)
{
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < s->txn.key_count; i++)
		if ((int)kept[i].key->kind == kind && (int)kept[i].what == what)
			r = add_key(s, &kept[i]);
	if (r < 0 || pg_array_count(s->numbers[0]) == 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0])};
	return pg_pipeline_add(s->pg, statement, params, kind == DOCS_KEY_SESSION ? 1 : 2);
}

static int add_answer(struct docs_pg *s, const struct kept *k)
{
	const struct span bytes[] = {k->key->key, span_of(k->key->fingerprint, sizeof(k->key->fingerprint)),
		k->answer->headers, k->answer->body};
	int r = pg_array_add_number(s->numbers[0], k->key->user);

	if (r == 0)
		r = pg_array_add_number(s->numbers[0], k->answer->status);
	for (size_t i = 0; r == 0 && i < sizeof(bytes) / sizeof(bytes[0]); i++)
		r = pg_array_add_bytes(s->bytes[i], bytes[i]);
	return r;
}

static int queue_user_answers(struct docs_pg *s, const struct kept *kept)
{
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < s->txn.key_count; i++)
		if (kept[i].key->kind == DOCS_KEY_USER && (kept[i].what == KEPT_NEW || kept[i].what == KEPT_STALE))
			r = add_answer(s, &kept[i]);
	if (r < 0 || pg_array_count(s->numbers[0]) == 0)
		return r;
	const struct pg_param params[] = {PG_P_I32(s->txn.drive.id), pg_array_param(s->numbers[0]),
		pg_array_param(s->bytes[0]), pg_array_param(s->bytes[1]), pg_array_param(s->bytes[2]),
		pg_array_param(s->bytes[3])};
	return pg_pipeline_add(s->pg, &SQL_USER_ANSWERS, params, 6);
}

int docs_pg_answers_queue(struct docs_pg *s, const struct docs_answer *answers)
{
	const struct docs_txn *t = &s->txn;

	if (t->key_count == 0)
		return 0;
	struct kept *kept = calloc(t->key_count, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	for (size_t i = 0; i < t->key_count; i++) {
		kept[i].key = &t->keys[i];
		kept[i].answer = &answers[i];
		if (t->seen[i].state == DOCS_REPEAT)
			kept[i].what = KEPT_REPEAT;
		else if (t->seen[i].state == DOCS_NEW && answers[i].status)
			kept[i].what = t->stale[i] ? KEPT_STALE : KEPT_NEW;
	}
	qsort(kept, t->key_count, sizeof(*kept), compare_kept);
	int r = queue_keys(s, kept, DOCS_KEY_SESSION, KEPT_REPEAT, &SQL_SESSION_REPEATS);
	if (r == 0)
		r = queue_keys(s, kept, DOCS_KEY_USER, KEPT_REPEAT, &SQL_USER_REPEATS);
	if (r == 0)
		r = queue_keys(s, kept, DOCS_KEY_USER, KEPT_STALE, &SQL_USER_FORGET);
	if (r == 0)
		r = queue_user_answers(s, kept);
	free(kept);
	return r;
}

int docs_pg_answer_find(struct docs_store *store, const struct docs_key *key, struct docs_seen *ret)
{
	enum { USER, KEY, STATUS, FINGERPRINT, HEADERS, BODY, STALE };
	struct docs_pg *s = docs_pg_of(store);
	struct pg_result *rows = NULL;

	docs_pg_txn_abort(store);
	*ret = (struct docs_seen){.state = DOCS_NEW};
	if (key->kind != DOCS_KEY_USER)
		return 0;
	docs_pg_reset(s);
	int r = pg_array_add_number(s->numbers[0], key->user);
	if (r == 0)
		r = pg_array_add_bytes(s->bytes[0], key->key);
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0])};
	if (r == 0)
		r = pg_run(s->pg, &SQL_USER_KEYS, params, 2, &rows);
	if (r < 0)
		return r;
	s->txn.results[0] = rows;
	if (pg_rows(rows) == 0 || pg_number(rows, 0, STALE))
		return 0;
	ret->state = span_eq(pg_bytes(rows, 0, FINGERPRINT), span_of(key->fingerprint, sizeof(key->fingerprint)))
		? DOCS_REPEAT
		: DOCS_REUSED;
	ret->answer = (struct docs_answer){
		(int)pg_number(rows, 0, STATUS), pg_bytes(rows, 0, HEADERS), pg_bytes(rows, 0, BODY)};
	return 0;
}
