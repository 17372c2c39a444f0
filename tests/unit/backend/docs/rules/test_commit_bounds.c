/* Batches that are too much for one transaction together, and what commit reports of refused ops. */
#include "backend/docs/rules/commit.h"
#include "backend/docs/rows/docs_mem_internal.h"
#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define OWNER 7

/* The only job of a queue; it runs when the test says so. */
struct pool {
	void (*job)(struct docs_store *store, void *cookie);
	void *cookie;
};

struct sent {
	struct commit_request request; /* first */
	struct op_batch *batch;
	int refused, done;
	bool long_answer; /* longer than an answer may be */
	bool comes_again; /* when it is refused */
};

/* A store in memory with one drive. */
static void open_store(struct docs_mem **mem, struct docs_store **store, struct docs_drive *drive)
{
	assert_int_equal(docs_mem_new(mem), 0);
	assert_int_equal(docs_mem_open(*mem, store), 0);
	assert_int_equal((*store)->ops->drive_create(*store, OWNER, SPAN_LITERAL("home"), 0, drive), 0);
}

static int keep_job(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *pool, int64_t party)
{
	(void)party;
	*(struct pool *)pool = (struct pool){job, cookie};
	return 0;
}

/* budget: the signature is commit's */
static void on_answer(struct commit_request *request, int error, int index, const struct op_result *results,
	struct docs_position at, struct docs_answer *ret)
{
	(void)index, (void)results, (void)at;
	struct sent *s = (struct sent *)request;

	s->refused = error;
	ret->status = s->comes_again ? 0 : error < 0 ? 409 : s->long_answer ? -E2BIG : 200;
}

static void on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive)
{
	struct sent *s = (struct sent *)request;

	(void)answer, (void)repeat, (void)drive;
	assert_int_equal(error, s->long_answer ? -E2BIG : 0);
	s->done++;
}

static void submit_ops(
	struct commit *commit, struct sent *s, const struct op *ops, size_t count, const struct docs_scope *scope)
{
	*s = (struct sent){.request = {.drive = scope->drive,
				   .user = scope->user,
				   .epoch = -1,
				   .lease_epoch = -1,
				   .answer = on_answer,
				   .done = on_done}};
	assert_int_equal(op_batch_new(ops, count, &s->batch), 0);
	s->request.batch = s->batch;
	if (scope->session > 0)
		s->request.key = (struct docs_key){
			.kind = DOCS_KEY_SESSION, .user = scope->user, .session = scope->session, .number = 1};
	assert_int_equal(commit_submit(commit, &s->request), 0);
}

static void submit(struct commit *commit, struct sent *s, uint32_t drive, const struct op *op)
{
	submit_ops(commit, s, op, 1, &(struct docs_scope){.user = OWNER, .drive = drive});
}

static void batches_too_large_for_one_transaction_are_applied_one_by_one(void **state)
{
	enum { HALF = BATCH_ROWS_MAX / 2 + 10 };
	struct pool pool = {0};
	const struct commit_options options = {.run_on_worker = keep_job, .pool = &pool};
	struct docs_mem *mem;
	struct docs_store *store;
	struct docs_drive drive;
	struct commit *commit;
	struct sent sent[2];

	(void)state;
	open_store(&mem, &store, &drive);
	assert_int_equal(commit_new(&options, &commit), 0);
	for (int i = 0; i < 2; i++) {
		const struct op op = {.kind = OP_CREATE,
			.parent = ITEM_ROOT(drive.row.id),
			.name = i == 0 ? SPAN_LITERAL("a") : SPAN_LITERAL("b"),
			.mode = S_IFREG};

		submit(commit, &sent[i], drive.row.id, &op);
		pool.job(store, pool.cookie);
		op_batch_free(sent[i].batch);
	}
	for (int64_t i = 0; i < 2 * (int64_t)HALF; i++)
		((struct mem_extent *)docs_mem_add(&mem->extents))->extent =
			(struct tree_extent){.node = ITEM_ID(drive.row.id, 2 + i / HALF),
				.at = 2 * (i % HALF),
				.len = 1,
				.kind = EXTENT_BLOCK};
	for (int i = 0; i < 2; i++) {
		/* When it is applied, the op is refused for another reason, so no row need be written. */
		const struct op op = {.kind = OP_SETATTR,
			.id = ITEM_ID(drive.row.id, 2 + i),
			.fields = OP_HAS_SIZE | OP_IF_MATCH,
			.size = 1,
			.if_content_seq = 77};

		submit(commit, &sent[i], drive.row.id, &op);
	}
	pool.job(store, pool.cookie);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sent[i].done, 1);
		assert_int_equal(sent[i].refused, -ERR_PRECONDITION);
		op_batch_free(sent[i].batch);
	}
	commit_free(commit);
	store->ops->free(store);
	docs_mem_free(mem);
}

static void a_cut_of_more_extents_than_may_be_loaded_succeeds(void **state)
{
	enum { MANY = BATCH_ROWS_MAX + 10 };
	struct pool pool = {0};
	const struct commit_options options = {.run_on_worker = keep_job, .pool = &pool};
	struct docs_mem *mem;
	struct docs_store *store;
	struct docs_drive drive;
	struct tree_node *file;
	struct commit *commit;
	struct sent sent;

	(void)state;
	open_store(&mem, &store, &drive);
	assert_int_equal(commit_new(&options, &commit), 0);
	const int64_t id = ITEM_ID(drive.row.id, 2);
	const struct op make = {
		.kind = OP_CREATE, .parent = ITEM_ROOT(drive.row.id), .name = SPAN_LITERAL("a"), .mode = S_IFREG};
	const struct op cut = {.kind = OP_SETATTR, .id = id, .fields = OP_HAS_SIZE, .size = 4};
	const struct op_extent filled = {.at = 1, .len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("y")};
	const struct op fill = {.kind = OP_WRITE, .id = id, .extents = (struct op_extent *)&filled, .extent_count = 1};

	submit(commit, &sent, drive.row.id, &make);
	pool.job(store, pool.cookie);
	op_batch_free(sent.batch);
	for (int64_t i = 0; i < MANY; i++)
		((struct mem_extent *)docs_mem_add(&mem->extents))->extent =
			(struct tree_extent){.node = id, .at = 3 * i, .len = 2, .kind = EXTENT_BLOCK, .block_size = 2};
	file = docs_mem_node(mem, id);
	file->item.size = 3 * (int64_t)MANY;
	file->item.allocated = file->charged = 2 * (int64_t)MANY;
	file->extents = MANY;
	drive.row = docs_mem_get_drive(mem, drive.row.id);
	drive.row.used = 2 * (int64_t)MANY;
	drive.row.extents = MANY - 1;
	docs_mem_set_drive(mem, &drive.row);
	submit(commit, &sent, drive.row.id, &cut);
	pool.job(store, pool.cookie);
	op_batch_free(sent.batch);
	assert_int_equal(sent.refused, 0);
	assert_int_equal(docs_mem_node(mem, id)->item.allocated, 3); /* two, and half of the extent across the end */
	assert_int_equal(docs_mem_node(mem, id)->extents, 2);
	assert_int_equal(docs_mem_check(mem, drive.row.id), 0);
	submit(commit, &sent, drive.row.id, &fill);
	pool.job(store, pool.cookie);
	op_batch_free(sent.batch);
	assert_int_equal(docs_mem_check(mem, drive.row.id), 0);
	commit_free(commit);
	store->ops->free(store);
	docs_mem_free(mem);
}

struct refusals {
	struct pool pool; /* first */
	unsigned count;
	int64_t id; /* of the first op */
	size_t ops;
};

static void on_refused(uint32_t drive, const struct op_batch *batch, size_t first, size_t count, void *cookie)
{
	struct refusals *r = cookie;

	(void)drive;
	r->count++;
	r->id = op_batch_at(batch, first)->id;
	r->ops = count;
}

static void on_refused_reports_a_refused_write_unless_its_block_is_missing(void **state)
{
	struct refusals told = {.count = 0};
	const struct commit_options options = {
		.run_on_worker = keep_job, .pool = &told.pool, .on_refused = on_refused, .on_refused_cookie = &told};
	struct docs_mem *mem;
	struct docs_store *store;
	struct docs_drive drive;
	struct commit *commit;
	struct sent sent;

	(void)state;
	open_store(&mem, &store, &drive);
	assert_int_equal(commit_new(&options, &commit), 0);
	struct op_extent extent = {.len = 1, .kind = OP_EXTENT_BLOCK, .sha256 = {1}};
	const struct op create = {
		.kind = OP_CREATE, .parent = ITEM_ROOT(drive.row.id), .name = SPAN_LITERAL("a"), .mode = S_IFREG};
	struct op write = {.kind = OP_WRITE, .id = ITEM_ID(drive.row.id, 2), .extents = &extent, .extent_count = 1};
	const struct op *const ops[] = {&write, &create, &write};
	const int refused[] = {-ENOENT, 0, -ERR_BLOCK_MISSING};

	/* First there is no file to write to, then no block in the store. The block is then uploaded, and the
	 * same op comes again. */
	for (int i = 0; i < 3; i++) {
		submit(commit, &sent, drive.row.id, ops[i]);
		told.pool.job(store, told.pool.cookie);
		assert_int_equal(sent.refused, refused[i]);
		assert_int_equal(told.count, 1);
		assert_int_equal(told.id, write.id);
		op_batch_free(sent.batch);
	}
	commit_free(commit);
	store->ops->free(store);
	docs_mem_free(mem);
}

/* The second op of three is refused: its name is taken. The others would be applied. */
static void on_refused_reports_all_ops_but_of_a_mount_only_the_refused_one(void **state)
{
	struct refusals told = {.count = 0};
	const struct commit_options options = {
		.run_on_worker = keep_job, .pool = &told.pool, .on_refused = on_refused, .on_refused_cookie = &told};
	struct docs_mem *mem;
	struct docs_store *store;
	struct docs_drive drive;
	struct commit *commit;
	struct sent sent;
	int64_t session;

	(void)state;
	open_store(&mem, &store, &drive);
	const struct docs_scope scope = {.user = OWNER, .drive = drive.row.id};
	assert_int_equal(store->ops->session_create(store, &scope, SPAN_LITERAL("mount"), 0, &session), 0);
	const struct docs_scope mount = {.user = OWNER, .drive = drive.row.id, .session = session};
	assert_int_equal(commit_new(&options, &commit), 0);
	const int64_t root = ITEM_ROOT(drive.row.id), id = ITEM_ID(drive.row.id, 2);
	const struct op_extent extent = {.len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("y")};
	const struct op create = {.kind = OP_CREATE, .parent = root, .name = SPAN_LITERAL("a"), .mode = S_IFREG};
	const struct op write = {.kind = OP_WRITE, .id = id, .extents = (struct op_extent *)&extent, .extent_count = 1};
	const struct op ops[] = {write, create, write};

	submit(commit, &sent, drive.row.id, &create);
	told.pool.job(store, told.pool.cookie);
	op_batch_free(sent.batch);
	assert_int_equal(told.count, 0);
	submit_ops(commit, &sent, ops, 3, &scope);
	told.pool.job(store, told.pool.cookie);
	op_batch_free(sent.batch);
	assert_int_equal(sent.refused, -EEXIST);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.ops, 3);
	assert_int_equal(told.id, write.id);
	submit_ops(commit, &sent, ops, 3, &mount);
	told.pool.job(store, told.pool.cookie);
	op_batch_free(sent.batch);
	assert_int_equal(sent.refused, -EEXIST);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.ops, 1);
	assert_int_equal(told.id, create.id);
	/* A request that is about to come again needs its blocks. */
	submit_ops(commit, &sent, ops, 3, &scope);
	sent.comes_again = true;
	told.pool.job(store, told.pool.cookie);
	op_batch_free(sent.batch);
	assert_int_equal(sent.refused, -EEXIST);
	assert_int_equal(told.count, 2);
	commit_free(commit);
	store->ops->free(store);
	docs_mem_free(mem);
}

static void a_batch_with_a_too_long_answer_is_dropped_and_others_are_applied(void **state)
{
	struct pool pool = {0};
	const struct commit_options options = {.run_on_worker = keep_job, .pool = &pool};
	const struct span names[] = {SPAN_LITERAL("a"), SPAN_LITERAL("b"), SPAN_LITERAL("c")};
	struct docs_mem *mem;
	struct docs_store *store;
	struct docs_drive drive;
	struct commit *commit;
	struct sent sent[3];

	(void)state;
	open_store(&mem, &store, &drive);
	assert_int_equal(commit_new(&options, &commit), 0);
	for (int i = 0; i < 3; i++) {
		const struct op op = {
			.kind = OP_CREATE, .parent = ITEM_ROOT(drive.row.id), .name = names[i], .mode = S_IFREG};

		submit(commit, &sent[i], drive.row.id, &op);
		sent[i].long_answer = i == 1;
	}
	pool.job(store, pool.cookie);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sent[i].done, 1);
		op_batch_free(sent[i].batch);
	}
	drive.row = docs_mem_get_drive(mem, drive.row.id);
	assert_int_equal(drive.row.documents, 3); /* the root and two files */
	assert_int_equal(drive.row.seq, 2);
	assert_int_equal(docs_mem_check(mem, drive.row.id), 0);
	commit_free(commit);
	store->ops->free(store);
	docs_mem_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_with_a_too_long_answer_is_dropped_and_others_are_applied),
		cmocka_unit_test(batches_too_large_for_one_transaction_are_applied_one_by_one),
		cmocka_unit_test(a_cut_of_more_extents_than_may_be_loaded_succeeds),
		cmocka_unit_test(on_refused_reports_a_refused_write_unless_its_block_is_missing),
		cmocka_unit_test(on_refused_reports_all_ops_but_of_a_mount_only_the_refused_one)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
