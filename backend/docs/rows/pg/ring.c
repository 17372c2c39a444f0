#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * The book of the ring of gateways. A call takes two round trips. First: BEGIN, lock the ring's row, read the
 * gateways. Then, after the rules have changed the book: write the rows of gateways, remove those that are gone,
 * write the ring's row, COMMIT. At the ring's row calls wait for each other, and for claims, which hold it for
 * one statement; they wait for nothing else. A look is one round trip and waits for nothing. Rows that are not a
 * valid book, which no rule leaves behind, are -EIO and stay as they are.
 */

enum { READ_RING = 1, READ_GATEWAYS, READ_STEPS }; /* 0: BEGIN */

static int get_text(const struct pg_result *r, int row, int column, char *ret, size_t size)
{
	struct span text = pg_bytes(r, row, column);

	if (text.size >= size)
		return -EIO;
	memcpy(ret, text.data, text.size);
	ret[text.size] = '\0';
	return 0;
}

static int get_gateway(const struct pg_result *r, int row, struct membership_gateway *ret)
{
	int error = get_text(r, row, RING_NAME, ret->name, sizeof(ret->name));

	if (error == 0)
		error = get_text(r, row, RING_BOOT, ret->boot, sizeof(ret->boot));
	if (error == 0)
		error = get_text(r, row, RING_URL, ret->url, sizeof(ret->url));
	if (error == 0)
		error = get_text(r, row, RING_HOP_URL, ret->hop_url, sizeof(ret->hop_url));
	ret->weight = (uint32_t)pg_number(r, row, RING_WEIGHT);
	ret->renewed_at = pg_number(r, row, RING_RENEWED_AT);
	ret->unsaid = pg_number(r, row, RING_UNSAID);
	ret->said = pg_number(r, row, RING_SAID);
	ret->called_at = pg_number(r, row, RING_CALLED_AT);
	ret->member = pg_number(r, row, RING_MEMBER) != 0;
	ret->next = pg_number(r, row, RING_NEXT) != 0;
	ret->leaving = pg_number(r, row, RING_LEAVING) != 0;
	return error;
}

/* -EIO: the rows are not a valid book. */
static int take_book(struct pg_result *const *results, struct membership *ret)
{
	const struct pg_result *ring = results[READ_RING];
	const struct pg_result *gateways = results[READ_GATEWAYS];
	int error = pg_rows(ring) == 1 && pg_rows(gateways) <= MEMBERSHIP_GATEWAYS_MAX ? 0 : -EIO;

	if (error < 0)
		return error;
	*ret = (struct membership){.epoch = pg_number(ring, 0, RING_EPOCH),
		.calls = pg_number(ring, 0, RING_CALLS),
		.preparing = pg_number(ring, 0, RING_PREPARING) != 0,
		.count = (size_t)pg_rows(gateways)};
	for (size_t i = 0; i < ret->count && error == 0; i++)
		error = get_gateway(gateways, (int)i, &ret->list[i]);
	return error == 0 && membership_check(ret) < 0 ? -EIO : error;
}

/* last: NULL when the transaction goes on. */
static int read_book(struct docs_pg *s, const struct pg_statement *const steps[READ_STEPS],
	const struct pg_statement *last, struct membership *ret)
{
	struct pg_result *results[READ_STEPS + 1] = {NULL};
	int r = pg_pipeline_begin(s->pg);

	if (r < 0)
		return r;
	for (size_t i = 0; i < READ_STEPS && r == 0; i++)
		r = pg_pipeline_add(s->pg, steps[i], NULL, 0);
	if (r == 0 && last)
		r = pg_pipeline_add(s->pg, last, NULL, 0);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, results);
	if (r == 0)
		r = take_book(results, ret);
	for (size_t i = 0; i < READ_STEPS + 1; i++)
		pg_result_free(results[i]);
	return r;
}

static int begin(struct docs_pg *s, struct membership *ret)
{
	static const struct pg_statement *const STEPS[READ_STEPS] = {
		&PG_BEGIN, [READ_RING] = &SQL_RING_LOCK, [READ_GATEWAYS] = &SQL_RING_GATEWAYS};

	return read_book(s, STEPS, NULL, ret);
}

int docs_pg_ring_look(struct docs_store *store, struct membership *ret_book)
{
	/* One round trip without a lock: locking a row would be a write, and each look would wait for a disk. */
	static const struct pg_statement *const STEPS[READ_STEPS] = {
		&SQL_SNAPSHOT_BEGIN, [READ_RING] = &SQL_RING_LOOK, [READ_GATEWAYS] = &SQL_RING_GATEWAYS};
	struct docs_pg *s = docs_pg_of(store);
	int r = read_book(s, STEPS, &PG_COMMIT, ret_book);

	if (r == 0)
		pg_pipeline_end(s->pg);
	else
		(void)pg_pipeline_rollback(s->pg);
	return r;
}

/* ---- writing back ---- */

enum { PUT_NAMES, PUT_BOOTS, PUT_URLS, PUT_HOP_URLS, REMOVE_NAMES, REMOVE_BOOTS };
static_assert(REMOVE_BOOTS < DOCS_PG_BYTES, "an array each");

static int add_row(struct docs_pg *s, const struct membership_gateway *g)
{
	const int64_t numbers[DOCS_PG_NUMBERS] = {g->weight, g->renewed_at, g->unsaid, g->said, g->called_at,
		(g->member ? RING_FLAG_MEMBER : 0) | (g->next ? RING_FLAG_NEXT : 0) |
			(g->leaving ? RING_FLAG_LEAVING : 0)};
	int r = pg_array_add_bytes(s->bytes[PUT_NAMES], span_str(g->name));

	if (r == 0)
		r = pg_array_add_bytes(s->bytes[PUT_BOOTS], span_str(g->boot));
	if (r == 0)
		r = pg_array_add_bytes(s->bytes[PUT_URLS], span_str(g->url));
	if (r == 0)
		r = pg_array_add_bytes(s->bytes[PUT_HOP_URLS], span_str(g->hop_url));
	for (size_t i = 0; i < DOCS_PG_NUMBERS && r == 0; i++)
		r = pg_array_add_number(s->numbers[i], numbers[i]);
	return r;
}

static bool has(const struct membership *m, const struct membership_gateway *wanted)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->list[i].name, wanted->name) == 0 && strcmp(m->list[i].boot, wanted->boot) == 0)
			return true;
	return false;
}

static int fill_arrays(struct docs_pg *s, const struct membership *before, const struct membership *after)
{
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; i < after->count && r == 0; i++)
		r = add_row(s, &after->list[i]);
	for (size_t i = 0; i < before->count && r == 0; i++) {
		if (has(after, &before->list[i]))
			continue;
		r = pg_array_add_bytes(s->bytes[REMOVE_NAMES], span_str(before->list[i].name));
		if (r == 0)
			r = pg_array_add_bytes(s->bytes[REMOVE_BOOTS], span_str(before->list[i].boot));
	}
	return r;
}

static int commit(struct docs_pg *s, const struct membership *before, const struct membership *after)
{
	int r = fill_arrays(s, before, after);

	if (r < 0)
		return r;
	const struct pg_param ring[] = {PG_P_I64(after->epoch), PG_P_I64(after->calls), PG_P_BOOL(after->preparing)};
	const struct pg_param put[] = {pg_array_param(s->bytes[PUT_NAMES]), pg_array_param(s->bytes[PUT_BOOTS]),
		pg_array_param(s->bytes[PUT_URLS]), pg_array_param(s->bytes[PUT_HOP_URLS]),
		pg_array_param(s->numbers[0]), pg_array_param(s->numbers[1]), pg_array_param(s->numbers[2]),
		pg_array_param(s->numbers[3]), pg_array_param(s->numbers[4]), pg_array_param(s->numbers[5])};
	const struct pg_param gone[] = {pg_array_param(s->bytes[REMOVE_NAMES]), pg_array_param(s->bytes[REMOVE_BOOTS])};

	if (pg_array_count(s->bytes[REMOVE_NAMES]) > 0)
		r = pg_pipeline_add(s->pg, &SQL_RING_REMOVE, gone, sizeof(gone) / sizeof(gone[0]));
	if (r == 0)
		r = pg_pipeline_add(s->pg, &SQL_RING_PUT, put, sizeof(put) / sizeof(put[0]));
	if (r == 0)
		r = pg_pipeline_add(s->pg, &SQL_RING_WRITE, ring, sizeof(ring) / sizeof(ring[0]));
	if (r == 0)
		r = pg_pipeline_add(s->pg, &PG_COMMIT, NULL, 0);
	return r == 0 ? pg_pipeline_flush(s->pg, NULL) : r;
}

int docs_pg_ring_call(
	struct docs_store *store, const struct membership_call *call, struct membership *ret_book, bool *ret_lease)
{
	struct docs_pg *s = docs_pg_of(store);
	struct membership *before = malloc(sizeof(*before)); /* 50 KiB: too much for a worker's stack */
	int r = before ? begin(s, before) : -ENOMEM;

	assert(!s->txn.open);
	if (r == 0) {
		*ret_book = *before;
		r = membership_hear(ret_book, call, ret_lease);
	}
	if (r == 0)
		r = commit(s, before, ret_book);
	if (r == 0)
		pg_pipeline_end(s->pg);
	else if (before)
		(void)pg_pipeline_rollback(s->pg);
	free(before);
	return r;
}

int docs_pg_ring_claim(
	struct docs_store *store, uint32_t drive, int64_t epoch, struct docs_position *ret_at, int64_t *ret_owner)
{
	const struct pg_param params[] = {PG_P_I32(drive), PG_P_I64(epoch)};
	struct pg_result *result = NULL;
	int r = pg_run(docs_pg_of(store)->pg, &SQL_RING_CLAIM, params, 2, &result);

	if (r < 0)
		return r;
	assert(pg_rows(result) == 1);
	if (!pg_is_null(result, 0, CLAIM_SEQ)) {
		*ret_at = (struct docs_position){
			pg_number(result, 0, CLAIM_INCARNATION), pg_number(result, 0, CLAIM_SEQ)};
		*ret_owner = pg_number(result, 0, CLAIM_OWNER);
	} else if (pg_number(result, 0, CLAIM_IN_EPOCH) != 0 && pg_number(result, 0, CLAIM_HAS_DRIVE) == 0)
		r = -ERR_NOT_FOUND;
	else
		r = -ERR_EPOCH;
	pg_result_free(result);
	return r;
}
