#include "backend/docs/rows/pg/docs_pg_internal.h"

enum { BLOCK_GENERATION, BLOCK_SIZE, BLOCK_UPLOADER, BLOCK_TOUCHED };

/* The result is one row for the drive; the block's columns are NULL when the block does not exist. */
static int ask_block(
	struct docs_store *store, const struct docs_pg_question *q, const uint8_t sha256[32], struct docs_block *ret)
{
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), q, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0) {
		r = docs_pg_no_drive(docs_pg_of(store), q->scope);
	} else if (pg_is_null(result, 0, BLOCK_GENERATION)) {
		r = -ENOENT;
	} else {
		memcpy(ret->sha256, sha256, sizeof(ret->sha256));
		ret->generation = pg_number(result, 0, BLOCK_GENERATION);
		ret->size = (uint32_t)pg_number(result, 0, BLOCK_SIZE);
		ret->uploader = pg_number(result, 0, BLOCK_UPLOADER);
		ret->touched = pg_number(result, 0, BLOCK_TOUCHED);
	}
	pg_result_free(result);
	return r;
}

int docs_pg_block_find(
	struct docs_store *store, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret)
{
	const struct docs_pg_question q = {&SQL_BLOCK_FIND, scope, {PG_P_BYTEA(span_of(sha256, 32))}, 1};

	return ask_block(store, &q, sha256, ret);
}

int docs_pg_block_generation(
	struct docs_store *store, const struct docs_scope *scope, struct docs_block *ret, int64_t *ret_room)
{
	const struct docs_pg_question q = {&SQL_BLOCK_GENERATION, scope, {{PG_NULL}}, 0};
	struct pg_result *result = NULL;

	int r = docs_pg_ask(docs_pg_of(store), &q, &result);
	if (r < 0)
		return r;
	if (pg_rows(result) == 0) {
		r = docs_pg_no_drive(docs_pg_of(store), scope);
	} else {
		ret->generation = pg_number(result, 0, 0);
		ret->made_at = pg_number(result, 0, 1);
		*ret_room = pg_is_null(result, 0, 2) ? INT64_MAX : pg_number(result, 0, 2);
	}
	pg_result_free(result);
	return r;
}

int docs_pg_block_stored(struct docs_store *store, const struct docs_scope *scope, const struct docs_block *block,
	struct docs_block *ret)
{
	const struct docs_pg_question q = {&SQL_BLOCK_STORED, scope,
		{PG_P_BYTEA(span_of(block->sha256, sizeof(block->sha256))), PG_P_I64(block->generation),
			PG_P_I32(block->size), PG_P_I64(block->uploader),
			PG_P_I64(block->within_s ? block->made_at + block->within_s : 0), PG_P_I64(block->step)},
		6};

	return ask_block(store, &q, block->sha256, ret);
}

int docs_pg_block_referenced(
	struct docs_store *store, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret)
{
	const struct docs_pg_question q = {&SQL_BLOCK_REFERENCED, scope, {PG_P_BYTEA(span_of(sha256, 32))}, 1};

	return ask_block(store, &q, sha256, ret);
}

int docs_pg_blocks_strays(struct docs_store *store, const struct block_name *names, size_t count, bool *ret_stray)
{
	struct docs_pg *s = docs_pg_of(store);
	struct pg_result *result = NULL;
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = pg_array_add_number(s->numbers[0], names[i].drive);
		if (r == 0)
			r = pg_array_add_bytes(s->bytes[0], span_of(names[i].sha256, sizeof(names[i].sha256)));
		if (r == 0)
			r = pg_array_add_number(s->numbers[1], names[i].generation);
	}
	const struct pg_param params[] = {
		pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0]), pg_array_param(s->numbers[1])};
	if (r == 0)
		r = pg_run(s->pg, &SQL_BLOCK_STRAYS, params, 3, &result);
	if (r < 0)
		return r;
	memset(ret_stray, 0, count * sizeof(*ret_stray));
	for (int row = 0; row < pg_rows(result); row++)
		ret_stray[pg_number(result, row, 0) - 1] = true;
	pg_result_free(result);
	return 0;
}
